//! Tests of the built component `user` over HTTP.

use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{Answer, REQUEST_ID, Shop, ShopOptions, TRACE_ID, at_once};

const PASSWORD: &str = "correct horse battery";

fn options() -> ShopOptions {
    ShopOptions::only(&["user"])
}

fn account(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "name": "Ann Lee"})
}

fn register(shop: &Shop) -> Answer {
    let request = shop.gateway().post("/user/register").traced();
    request.json(&account("ann@example.com")).send()
}

fn log_in(shop: &Shop) -> Answer {
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    shop.gateway().post("/user/login").json(&body).send()
}

#[test]
fn concurrent_first_requests_all_get_the_same_new_key() {
    let shop = Shop::start(options());
    let answers = at_once(16, |_| {
        shop.gateway().get("/user/jwks").send().expect(200).json
    });
    assert_eq!(answers[0]["keys"].as_array().unwrap().len(), 1);
    assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
}

#[test]
fn of_concurrent_registrations_with_one_address_one_succeeds() {
    let shop = Shop::start(options());
    let mut statuses = at_once(6, |_| register(&shop).status);
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
}

#[test]
fn accounts_tokens_and_the_key_survive_a_restart() {
    let mut shop = Shop::start(options());
    let ann = register(&shop).expect(201).json;
    let token = log_in(&shop).expect(200).json["access_token"].clone();
    shop.kill();
    shop.restart();
    let me = shop
        .gateway()
        .get("/user/me")
        .bearer(token.as_str().unwrap());
    assert_eq!(me.send().expect(200).json, ann);
    let _ = log_in(&shop).expect(200);
}

#[test]
fn the_log_contains_the_request_id_and_the_trace_id_but_no_secrets() {
    let shop = Shop::start(options());
    let answer = register(&shop).expect(201);
    assert_eq!(answer.header("x-request-id"), Some(REQUEST_ID));
    let token = log_in(&shop).expect(200).json["access_token"].clone();
    let line = shop.wait_for_line("the account", |line| line["msg"] == "user registered");
    assert_eq!(line["request_id"], REQUEST_ID);
    assert_eq!(line["trace_id"], TRACE_ID);
    assert_eq!(
        (&line["service"], &line["level"]),
        (&json!("user"), &json!("info"))
    );
    shop.wait_for_line("the login", |line| line["msg"] == "user logged in");
    for secret in [PASSWORD, token.as_str().unwrap(), "ann@example.com"] {
        assert!(!shop.log().contains(secret), "{secret}");
    }
}

#[test]
fn a_bad_setting_is_500_and_only_the_log_has_the_cause() {
    let shop = Shop::start(options().variable("token_ttl_seconds", "abc"));
    let answer = shop.gateway().get("/user").traced().send();
    let answer = answer.refused(500, "misconfigured");
    assert!(
        !answer.text().contains("token_ttl_seconds"),
        "{}",
        answer.text()
    );
    let line = shop.wait_for_line("the cause", |line| line["code"] == "misconfigured");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("token_ttl_seconds: `abc`"),
        "{line}"
    );
    assert_eq!(line["request_id"], REQUEST_ID);
}

/// Options with the keys that belong to these seeds.
fn with_keys(options: ShopOptions, seeds: &[u8]) -> ShopOptions {
    let pem: String = seeds
        .iter()
        .map(|seed| Issuer::new("", *seed).pem())
        .collect();
    options.variable("jwt_private_key", pem)
}

#[test]
fn all_keys_are_published_in_order_the_first_signs_and_tokens_of_all_keys_are_accepted() {
    let mut shop = Shop::start(with_keys(options(), &[1, 2]));
    let ann = register(&shop).expect(201).json;
    let published = |shop: &Shop| {
        let set = shop.gateway().get("/user/jwks").send().expect(200).json;
        let keys = set["keys"].as_array().unwrap().iter();
        keys.map(|key| key["x"].clone()).collect::<Vec<_>>()
    };
    let x = |seed| Issuer::new("", seed).jwks()["keys"][0]["x"].clone();
    let me = |shop: &Shop, token: &str| shop.gateway().get("/user/me").bearer(token).send();
    let token = |shop: &Shop| {
        let token = &log_in(shop).expect(200).json["access_token"];
        token.as_str().unwrap().to_owned()
    };
    assert_eq!(published(&shop), [x(1), x(2)]);
    let of_first = token(&shop);
    assert_eq!(me(&shop, &of_first).expect(200).json, ann);

    shop.stop();
    let mut shop = Shop::start(with_keys(options().with_data_of(&shop), &[2, 1]));
    assert_eq!(published(&shop), [x(2), x(1)]);
    let of_second = token(&shop);
    let key_id = |token: &str| stoa_service::token::key_id(token).unwrap();
    assert_ne!(key_id(&of_first), key_id(&of_second));
    for token in [&of_first, &of_second] {
        assert_eq!(me(&shop, token).expect(200).json, ann);
    }

    shop.stop();
    let shop = Shop::start(with_keys(options().with_data_of(&shop), &[2]));
    assert_eq!(published(&shop), [x(2)]);
    assert_eq!(me(&shop, &of_second).expect(200).json, ann);
    let _ = me(&shop, &of_first).refused(401, "unauthorized");
}

#[test]
fn the_log_names_the_unreadable_block_of_several_keys() {
    let good = Issuer::new("", 1).pem();
    let pem = format!("{good}-----BEGIN PRIVATE KEY-----\ns3cr3t\n");
    let shop = Shop::start(options().variable("jwt_private_key", pem));
    let answer = shop.gateway().get("/user/jwks").send();
    let _ = answer.refused(500, "misconfigured");
    let line = shop.wait_for_line("the cause", |line| line["code"] == "misconfigured");
    let cause = line["cause"].as_str().unwrap();
    assert!(
        cause.contains("jwt_private_key: PEM block 2 of 2"),
        "{cause}"
    );
    assert!(!shop.log().contains("s3cr3t"), "{}", shop.log());
}

#[test]
fn the_log_names_a_bad_key_variable_but_does_not_show_its_value() {
    let shop = Shop::start(options().variable("jwt_private_key", "s3cr3t-and-no-key"));
    let _ = shop
        .gateway()
        .get("/user/jwks")
        .send()
        .refused(500, "misconfigured");
    let line = shop.wait_for_line("the cause", |line| line["code"] == "misconfigured");
    assert!(
        line["cause"].as_str().unwrap().contains("jwt_private_key"),
        "{line}"
    );
    assert!(!shop.log().contains("s3cr3t-and-no-key"), "{}", shop.log());
}

#[test]
fn after_too_many_wrong_passwords_a_client_waits_whatever_headers_it_sends() {
    let options = options().variable("login_attempts_per_account_and_address", "3");
    let shop = Shop::start(options);
    let _ = register(&shop).expect(201);
    let log_in = |n: usize, password: &str| {
        shop.gateway()
            .post("/user/login")
            .header("spin-client-addr", &format!("203.0.113.{n}:1"))
            .header("x-forwarded-for", &format!("203.0.113.{n}"))
            .json(&json!({"email": "ann@example.com", "password": password}))
            .send()
    };
    let statuses = at_once(8, |n| log_in(n, "wrong").status);
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(refused, 5, "{statuses:?}");
    let answer = log_in(9, PASSWORD).refused(429, "too_many_attempts");
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=1200).contains(&seconds), "{seconds}");
    let line = shop.wait_for_line("the cause", |line| line["code"] == "too_many_attempts");
    assert_eq!(
        line["cause"],
        "the limit of failed log-ins for this account and address is reached"
    );
    assert!(!shop.log().contains("ann@example.com"), "{}", shop.log());
}

#[test]
fn methods_and_bodies_that_no_route_accepts_are_refused() {
    let shop = Shop::start(options());
    let client = shop.operator();
    let answer = client
        .delete("/user/me")
        .send()
        .refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, PATCH"));
    let head = client.request("HEAD", "/user").send().expect(200);
    assert_eq!(head.header("content-type"), Some("application/json"));
    let long = client
        .post("/user/login")
        .json(&json!({"email": "a".repeat(300_000)}));
    let _ = long.send().refused(413, "body_too_large");
}
