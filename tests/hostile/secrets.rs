//! Tests that the shop and its components print no secret in any failure, up to `--log-level debug`. (With `trace`, the log
//! contains all data between components and host, and warns about that.) The shop's files must not contain passwords either.

use std::path::Path;

use hmac::{Hmac, Mac};
use serde_json::json;
use stoa_service::testing::Issuer;
use stoa_testkit::{Shop, ShopOptions};

use crate::customer::{Customer, Operator, PASSWORD, address, card, key, text};

const SKU: &str = "HOM-001";
const CARRIER_SECRET: &str = "carrier-secret-5b1f6a";
const WRONG_PASSWORD: &str = "hunter2-hunter2-hunter2";
const CARD_NUMBER: &str = "4111111111111111";
const TOKENS: [&str; 3] = ["tok_visa", "tok_declined", "tok_error"];
/// The request id of two requests in this test. If the log contains this id, the log really covers the requests of this test.
const REQUEST_ID: &str = "watched-by-a-test";

/// The carrier's signature of `body`.
fn signature(body: &str) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(CARRIER_SECRET.as_bytes()).unwrap();
    mac.update(format!("{now}.{body}").as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("t={now},v1={hex}")
}

/// Calls every operation that handles a secret, with valid and with invalid secrets. Returns the tokens and signatures that were
/// used.
fn use_secrets(shop: &Shop) -> Vec<String> {
    let ann = Customer::register(shop, "ann");
    let gateway = shop.gateway();
    let mut secrets = vec![ann.token.clone()];
    for token in TOKENS {
        let answer = ann.order(&key(), SKU, 1, token);
        assert!(
            matches!(answer.status, 201 | 402 | 503),
            "{}",
            answer.text()
        );
    }
    let order = ann.order(&key(), SKU, 1, "tok_visa").expect(201).json;

    // Sends a wrong password, a password in the wrong member, and a password in invalid JSON.
    for body in [
        json!({"email": ann.email, "password": WRONG_PASSWORD}),
        json!({"email": WRONG_PASSWORD, "password": PASSWORD}),
        json!({"email": ann.email, "password": [WRONG_PASSWORD]}),
        json!({"email": ann.email, "password": PASSWORD, "otp": WRONG_PASSWORD}),
        json!({"email": ann.email, WRONG_PASSWORD: PASSWORD}),
    ] {
        for path in ["/user/login", "/user/register"] {
            let answer = gateway.post(path).json(&body).send();
            assert!((400..500).contains(&answer.status), "{}", answer.text());
            assert!(!answer.text().contains(PASSWORD), "{}", answer.text());
        }
    }
    let partial = format!(r#"{{"email": "{}", "password": "{PASSWORD}"#, ann.email);
    let partial = gateway
        .post("/user/login")
        .header("content-type", "application/json")
        .body(partial);
    let _ = partial.send().expect(400);

    // Sends a card number in the place of the card token, and a card number in addition to a card token.
    for payment in [
        card(CARD_NUMBER),
        json!({"method": "card", "card_token": "tok_visa", "number": CARD_NUMBER}),
    ] {
        let body = json!({"shipping_address": address(), "payment": payment, "items": [{"sku": SKU, "quantity": 1}]});
        let answer = ann.post("/order", &key(), &body).expect(422);
        assert!(!answer.text().contains(CARD_NUMBER), "{}", answer.text());
    }

    // Sends an invalid access token, an access token in a query, and a password with the scheme Basic.
    let mangled = format!("{}x", ann.token);
    let _ = gateway.get("/cart").bearer(&mangled).send().expect(401);
    let query = format!("/cart?access_token={}", ann.token);
    let _ = gateway.get(&query).bearer(&ann.token).send().expect(400);
    let basic = format!("Basic {PASSWORD}");
    let _ = gateway
        .get("/cart")
        .header("authorization", &basic)
        .send()
        .expect(401);

    // Sends a report of the carrier with a forged signature, and then with a valid signature.
    let shipment = text(&order["shipment"], "shipment_id");
    let report =
        json!({"event_id": key(), "status": "picked_up", "at": "2026-11-21T14:05:09Z"}).to_string();
    for (signature, status) in [("t=1,v1=00".to_owned(), 401), (signature(&report), 200)] {
        let path = format!("/shipments/{shipment}/events");
        let request = gateway
            .post(&path)
            .header("x-carrier-signature", &signature);
        let request = request
            .header("content-type", "application/json")
            .header("x-request-id", REQUEST_ID);
        let _ = request.body(report.clone()).send().expect(status);
        secrets.push(signature.rsplit('=').next().unwrap().to_owned());
    }
    secrets.retain(|secret| secret.len() > 16);

    // Places an order while third parties fail.
    let operator = Operator::of_shop(shop);
    for partner in ["processor", "carrier", "courier", "sms"] {
        operator.script(partner, &json!({"mode": "error", "status": 500}));
    }
    let answer = ann.order(&key(), SKU, 1, "tok_visa");
    assert!(answer.status >= 400, "{}", answer.text());
    operator.run_timers();
    secrets
}

/// Reads all files below a folder.
fn read_files(folder: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_files(&path, found);
        } else {
            found.push(std::fs::read(path).unwrap());
        }
    }
}

#[test]
fn no_secret_is_printed_and_no_password_is_stored() {
    let issuer = Issuer::new("unnamed", 7);
    let pem = issuer.pem();
    let mut options = ShopOptions::checked()
        .variable("jwt_private_key", &pem)
        .variable("carrier_secret", CARRIER_SECRET);
    options
        .arguments
        .extend(["--log-level".to_owned(), "debug".to_owned()]);
    let mut shop = Shop::start(options);
    let mut secrets = use_secrets(&shop);
    shop.stop();

    secrets.extend([PASSWORD, WRONG_PASSWORD, CARRIER_SECRET, CARD_NUMBER].map(str::to_owned));
    secrets.extend(TOKENS.map(str::to_owned));
    secrets.extend(
        pem.lines()
            .filter(|line| !line.starts_with("---"))
            .map(str::to_owned),
    );
    // Only the last part of a token, the signature, is secret. Without the signature, the other parts are useless.
    let bearer = secrets[0].rsplit('.').next().unwrap().to_owned();
    secrets[0] = bearer;
    let log = shop.log();
    assert!(
        log.contains(REQUEST_ID),
        "the log has no line about the request"
    );
    for secret in &secrets {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "`{secret}` was printed");
    }

    let mut kept = Vec::new();
    read_files(shop.state_dir(), &mut kept);
    assert!(kept.iter().any(|file| file.starts_with(b"SQLite format 3")));
    for password in [PASSWORD, WRONG_PASSWORD] {
        let holds = |file: &Vec<u8>| {
            file.windows(password.len())
                .any(|w| w == password.as_bytes())
        };
        assert!(
            !kept.iter().any(holds),
            "the password `{password}` is in a file of the shop"
        );
    }
}
