//! Tests of the carrier.

use serde_json::{Value, json};
use stoa_service::outbound::CallError;
use stoa_service::testing::{FakeOutbound, reply};

use crate::third_parties::{ThirdParties, code, parcel};

#[test]
fn the_book_lists_every_parcel_in_pages_while_a_script_makes_the_carrier_fail() {
    let partners = ThirdParties::new();
    for n in 0..5 {
        let reference = format!("r{n}");
        let (status, _) =
            partners.post("/carrier/shipments", &reference, &parcel(&reference, "AT"));
        assert_eq!(status, 201);
    }
    partners.script("carrier", json!({"mode": "error", "status": 503}));
    let (mut token, mut references) = (String::new(), Vec::new());
    loop {
        let (status, page) = partners.get(&format!("/carrier/book?limit=2{token}"));
        assert_eq!(status, 200, "{page}");
        for parcel in page["items"].as_array().unwrap() {
            assert_eq!(parcel["status"], "created");
            references.push(parcel["reference"].as_str().unwrap().to_owned());
        }
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    assert_eq!(references, ["r0", "r1", "r2", "r3", "r4"]);
}

#[test]
fn a_reference_has_one_parcel_which_can_be_cancelled_until_it_is_picked_up() {
    let partners = ThirdParties::with_shop(FakeOutbound::new(|_| {
        reply(200, json!({"status": "picked_up"}))
    }));
    let first = partners.post("/carrier/shipments", "k1", &parcel("s1", "AT"));
    assert_eq!(
        (first.0, first.1["status"].as_str()),
        (201, Some("created"))
    );
    assert_eq!(
        partners.post("/carrier/shipments", "k2", &parcel("s1", "AT")),
        first
    );
    assert_eq!(
        code(&partners.post("/carrier/shipments", "k3", &parcel("s2", "XX"))),
        (422, "address_refused")
    );
    assert_eq!(
        partners.get("/carrier/shipments?reference=s2").1["items"],
        json!([])
    );
    let uri = |action: &str| {
        let number = first.1["tracking_number"].as_str().unwrap();
        format!("/carrier/shipments/{number}/{action}")
    };
    assert_eq!(
        partners
            .post(&uri("advance"), "", &json!({"status": "picked_up"}))
            .0,
        200
    );
    assert_eq!(
        code(&partners.post(&uri("cancel"), "", &Value::Null)),
        (409, "handed_over")
    );

    let second = partners.post("/carrier/shipments", "k4", &parcel("s4", "AT"));
    let number = second.1["tracking_number"].as_str().unwrap();
    for _ in 0..2 {
        let answer = partners.post(
            &format!("/carrier/shipments/{number}/cancel"),
            "",
            &Value::Null,
        );
        assert_eq!(
            (answer.0, answer.1["status"].as_str()),
            (200, Some("cancelled"))
        );
    }
    let advance = format!("/carrier/shipments/{number}/advance");
    let answer = partners.post(&advance, "", &json!({"status": "delivered"}));
    assert_eq!(code(&answer), (409, "parcel_cancelled"));
    assert_eq!(partners.shop.calls().len(), 1);
}

#[test]
fn each_change_is_reported_with_a_signature_and_a_repeat_has_the_same_event_id() {
    let partners = ThirdParties::with_shop(FakeOutbound::new(|call| {
        let event: Value = serde_json::from_slice(&call.body).unwrap();
        match event["status"].as_str() {
            Some("returned") => Err(CallError::Lost("the connection was cut".to_owned())),
            _ => reply(418, json!({"shop": "says"})),
        }
    }));
    let created = partners
        .post("/carrier/shipments", "k", &parcel("s1", "AT"))
        .1;
    let number = created["tracking_number"].as_str().unwrap();
    let advance = format!("/carrier/shipments/{number}/advance");
    for status in ["delivered", "delivered"] {
        let answer = partners.post(&advance, "", &json!({"status": status}));
        assert_eq!(
            answer,
            (418, json!({"shop": "says"})),
            "the caller must get the response of the shop"
        );
    }
    assert_eq!(
        partners
            .post(&advance, "", &json!({"status": "returned"}))
            .0,
        503
    );
    assert_eq!(
        partners.post(&advance, "", &json!({"status": "created"})).0,
        422
    );
    let calls = partners.shop.calls();
    let events: Vec<Value> = calls
        .iter()
        .map(|c| serde_json::from_slice(&c.body).unwrap())
        .collect();
    assert_eq!(events[0], events[1]);
    assert_ne!(events[0]["event_id"], events[2]["event_id"]);
    for call in &calls {
        assert_eq!(call.url, "http://shop.test/shipments/s1/events");
        let header = call.headers["x-carrier-signature"].to_str().unwrap();
        let (time, digest) = header
            .strip_prefix("t=")
            .unwrap()
            .split_once(",v1=")
            .unwrap();
        assert!(stoa_service::time::now() / 1000 - time.parse::<i64>().unwrap() < 60);
        let signed = [time.as_bytes(), b".", &call.body].concat();
        assert_eq!(digest, hmac_by_hand(b"s3cret", &signed));
    }
}

/// Computes an HMAC-SHA256 with the hash function only, as RFC 2104 defines it.
fn hmac_by_hand(key: &[u8], message: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let with = |pad: u8| block.map(|b| b ^ pad);
    let inner = Sha256::new_with_prefix(with(0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha256::new_with_prefix(with(0x5c))
        .chain_update(inner)
        .finalize();
    outer.iter().map(|b| format!("{b:02x}")).collect()
}
