//! Tests of the courier, the SMS gateway and the PIM.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::third_parties::{ThirdParties, code};

#[test]
fn a_message_is_stored_once_for_each_key_and_listed() {
    let partners = ThirdParties::new();
    let mail = json!({"to": "ann@example.com", "subject": "Hello", "body": "World"});
    let first = partners.post("/courier/messages", "k1", &mail);
    assert_eq!(first.0, 202);
    assert_eq!(partners.post("/courier/messages", "k1", &mail), first);
    assert_ne!(partners.post("/courier/messages", "k2", &mail), first);
    let mut other = mail.clone();
    other["body"] = json!("x");
    assert_eq!(
        code(&partners.post("/courier/messages", "k1", &other)),
        (422, "idempotency_key_reused")
    );
    assert_eq!(partners.post("/courier/messages", "", &mail).0, 400);
    let (_, page) = partners.get("/courier/messages?to=ann%40example.com");
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(page["items"][0]["subject"], "Hello");
    assert_eq!(page["items"][0]["message_id"], first.1["message_id"]);
    assert_eq!(
        partners.get("/courier/messages?to=bob").1["items"],
        json!([])
    );

    let sms = json!({"to": "+436601234567", "body": "Hello"});
    for key in ["k1", "k1", ""] {
        assert_eq!(partners.post("/sms/messages", key, &sms).0, 202);
    }
    let (_, page) = partners.get("/sms/messages");
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    for (uri, body, word) in [
        ("/sms/messages", json!({"to": "0660", "body": "x"}), "to"),
        (
            "/sms/messages",
            json!({"to": "+436601234567", "body": ""}),
            "body",
        ),
        (
            "/courier/messages",
            json!({"to": "ann", "subject": "x", "body": "x"}),
            "to",
        ),
        (
            "/courier/messages",
            json!({"to": "a@b", "subject": "", "body": "x"}),
            "subject",
        ),
        (
            "/processor/charges",
            json!({"reference": "r", "amount": [1, "EUR"], "card_token": "tok_visa"}),
            "amount: ",
        ),
        (
            "/carrier/shipments",
            json!({"reference": "r", "address": ["Ann", "Main 1", "Graz", "8010", "AT"], "lines": []}),
            "address: ",
        ),
    ] {
        let (status, problem) = partners.post(uri, "k9", &body);
        assert_eq!(status, 422);
        assert!(
            problem["detail"].as_str().unwrap().starts_with(word),
            "{problem}"
        );
    }
}

#[test]
fn the_pim_has_a_longer_description_of_every_product_in_the_catalogue() {
    let partners = ThirdParties::new();
    let catalogue: Vec<Value> =
        serde_json::from_str(include_str!("../../../product/catalogue.json")).unwrap();
    let mut described = BTreeSet::new();
    for product in &catalogue {
        let sku = product["sku"].as_str().unwrap();
        let (status, entry) = partners.get(&format!("/pim/products/{sku}"));
        assert_eq!((status, entry["sku"].as_str()), (200, Some(sku)));
        let length = |v: &Value| v["description"].as_str().unwrap().len();
        assert!(length(&entry) > length(product));
        described.insert(entry["description"].to_string());
    }
    assert_eq!(described.len(), catalogue.len());
    assert_eq!(partners.get("/pim/products/NOTHING").0, 404);
}
