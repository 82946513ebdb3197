use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

const ID: &str = "019b76da-a800-71f9-9f94-ae97655f93b2";
const OTHER: &str = "019b76da-a801-7eb9-9455-b1187e16ee43";

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// `value` with what is at `pointer` replaced.
fn with(value: &Value, pointer: &str, new: Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(pointer).unwrap() = new;
    value
}

#[track_caller]
fn wrong(checked: Checked, says: &str) {
    let said = checked.unwrap_err();
    assert!(said.contains(says), "{said}");
}

fn eur(amount: u64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

fn coffee() -> Value {
    json!({"product_id": ID, "sku": "COF-001", "name": "Beans", "description": "", "category": "coffee",
        "image": "/c.svg", "price": eur(1290)})
}

fn tea() -> Value {
    json!({"product_id": OTHER, "sku": "TEA-001", "name": "Sencha", "description": "", "category": "tea",
        "image": "/t.svg", "price": eur(900)})
}

fn catalogue() -> Vec<Product> {
    vec![read(&coffee()), read(&tea())]
}

fn basket() -> Basket {
    [("COF-001".to_owned(), 2), ("TEA-001".to_owned(), 1)].into()
}

fn items() -> Value {
    json!([
        {"sku": "COF-001", "name": "Beans", "quantity": 2, "unit_price": eur(1290), "line_total": eur(2580)},
        {"sku": "TEA-001", "name": "Sencha", "quantity": 1, "unit_price": eur(900), "line_total": eur(900)},
    ])
}

fn order() -> Value {
    json!({"order_id": ID, "status": "confirmed", "items": items(), "total": eur(3480),
        "payment": {"payment_id": OTHER, "status": "captured", "method": "card"},
        "shipment": {"shipment_id": OTHER, "tracking_number": "PX1", "status": "created"},
        "timeline": [{"step": "confirmed", "status": "done", "at": "2026-11-21T14:05:09Z"}],
        "created_at": "2026-11-21T14:05:09Z"})
}

#[test]
fn members_that_are_missing_are_named() {
    let whole = coffee();
    for name in [
        "product_id",
        "sku",
        "name",
        "description",
        "category",
        "image",
        "price",
    ] {
        let mut product = whole.clone();
        product.as_object_mut().unwrap().remove(name);
        let error = serde_json::from_value::<Product>(product)
            .unwrap_err()
            .to_string();
        assert!(error.contains(name), "{error}");
    }
    let mut unpriced = whole;
    unpriced["price"] = Value::Null;
    assert_eq!(read::<Product>(&unpriced).price, None);
    let page = serde_json::from_value::<Page<Product>>(json!({"items": []}));
    assert!(page.unwrap_err().to_string().contains("next_page_token"));
}

#[test]
fn money_is_a_whole_number_of_minor_units() {
    for amount in [json!(12.5), json!("1290"), json!(-1), Value::Null] {
        let price = json!({"amount": amount, "currency": "EUR"});
        assert!(serde_json::from_value::<Money>(price).is_err(), "{amount}");
    }
}

#[test]
fn a_page_repeats_nothing_and_is_not_longer_than_asked() {
    let both =
        || read::<Page<Product>>(&json!({"items": [coffee(), tea()], "next_page_token": null}));
    assert_eq!(page(&both(), 2, &[]), Ok(()));
    wrong(page(&both(), 1, &[]), "2 products where 1");
    wrong(page(&both(), 2, &[read(&tea())]), "TEA-001 is listed twice");
    let twice = read(&json!({"items": [tea(), tea()], "next_page_token": null}));
    wrong(page(&twice, 2, &[]), "TEA-001 is listed twice");
    let nameless =
        read(&json!({"items": [with(&tea(), "/sku", json!(""))], "next_page_token": null}));
    wrong(page(&nameless, 2, &[]), "has no SKU");
    let endless = read(&json!({"items": [], "next_page_token": "on"}));
    wrong(page(&endless, 2, &[]), "not the last one");
}

#[test]
fn a_search_finds_what_has_the_word() {
    let tea: Product = read(&tea());
    let of = |items: Value, more: Value| read(&json!({"items": items, "next_page_token": more}));
    assert_eq!(
        found(
            &of(json!([coffee(), self::tea()]), Value::Null),
            "sencha",
            &tea
        ),
        Ok(())
    );
    assert_eq!(
        found(&of(json!([coffee()]), json!("on")), "sencha", &tea),
        Ok(())
    );
    wrong(
        found(&of(json!([coffee()]), Value::Null), "sencha", &tea),
        "`sencha` does not find TEA-001",
    );
}

#[test]
fn a_product_is_what_was_listed() {
    let listed = read(&coffee());
    assert_eq!(product(&read(&coffee()), &listed), Ok(()));
    for (pointer, new, says) in [
        ("/product_id", json!(OTHER), "was asked for"),
        ("/sku", json!("X"), "was listed as"),
        ("/name", json!("X"), "was listed as"),
        (
            "/price/amount",
            json!(1291),
            "1291 EUR and was listed at 1290 EUR",
        ),
        ("/price", Value::Null, "nothing and was listed at 1290 EUR"),
    ] {
        wrong(
            product(&read(&with(&coffee(), pointer, new)), &listed),
            says,
        );
    }
}

#[test]
fn an_account_is_ones_own_and_its_token_can_be_used() {
    let registered = read(&json!({"user_id": ID, "email": "a@example.com"}));
    assert_eq!(user(&registered, "a@example.com"), Ok(()));
    wrong(
        user(&registered, "b@example.com"),
        "b@example.com registered",
    );
    let good = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 3600});
    assert_eq!(token(&read(&good)), Ok(()));
    wrong(
        token(&read(&with(&good, "/access_token", json!("")))),
        "no bearer token",
    );
    wrong(
        token(&read(&with(&good, "/token_type", json!("MAC")))),
        "`MAC`",
    );
    for absurd in [5, 86_401, u64::MAX] {
        wrong(
            token(&read(&with(&good, "/expires_in", json!(absurd)))),
            &format!("a token for {absurd} s"),
        );
    }
}

#[test]
fn what_was_put_in_is_what_was_asked() {
    let line = items()[0].clone();
    let coffee = read(&coffee());
    assert_eq!(put(&read(&line), &coffee, 2), Ok(()));
    wrong(put(&read(&line), &coffee, 3), "2 of COF-001 where 3");
    wrong(
        put(&read(&with(&line, "/sku", json!("X"))), &coffee, 2),
        "2 of X",
    );
    wrong(
        put(&read(&with(&line, "/unit_price", eur(1))), &coffee, 2),
        "was listed at 1290 EUR",
    );
    wrong(
        put(&read(&with(&line, "/line_total", eur(2581))), &coffee, 2),
        "make 2581 EUR and not 2580 EUR",
    );
    wrong(
        put(&read(&with(&line, "/line_total", Value::Null)), &coffee, 2),
        "make nothing",
    );
}

#[test]
fn a_cart_adds_up() {
    let whole = json!({"items": items(), "total": eur(3480), "unpriced": []});
    let check = |value: &Value| cart(&read(value), &basket(), &catalogue());
    assert_eq!(check(&whole), Ok(()));
    let empty = json!({"items": [], "total": null, "unpriced": []});
    assert_eq!(cart(&read(&empty), &Basket::new(), &catalogue()), Ok(()));
    for (pointer, new, says) in [
        (
            "/total/amount",
            json!(3479),
            "total: 3479 EUR is not the sum of its lines, 3480",
        ),
        ("/total/currency", json!("USD"), "total: 3480 USD"),
        ("/total", Value::Null, "total: nothing"),
        (
            "/items/0/quantity",
            json!(3),
            "holds 3 x COF-001, 1 x TEA-001 and not 2 x COF-001",
        ),
        ("/items/1/sku", json!("COF-001"), "two lines"),
        ("/items", json!([]), "holds nothing and not"),
        ("/unpriced", json!(["COF-001"]), "no price for COF-001"),
    ] {
        wrong(check(&with(&whole, pointer, new)), says);
    }
}

#[test]
fn a_confirmed_order_is_paid_and_shipped_and_adds_up() {
    let check = |value: &Value| confirmed(&read(value), &basket(), &catalogue());
    assert_eq!(check(&order()), Ok(()));
    for (pointer, new, says) in [
        ("/status", json!("pending"), "with 201 and is pending"),
        ("/total/amount", json!(1), "not the sum of its lines"),
        (
            "/items/0/line_total/amount",
            json!(1290),
            "2 of COF-001 make 1290 EUR",
        ),
        (
            "/items/0/unit_price/amount",
            json!(1),
            "was listed at 1290 EUR",
        ),
        ("/items/0/quantity", json!(1), "holds 1 x COF-001"),
        ("/payment", Value::Null, "without a payment"),
        ("/payment/status", json!("pending"), "its payment pending"),
        ("/shipment", Value::Null, "without a shipment"),
        ("/shipment/status", json!("refused"), "its shipment refused"),
        ("/timeline", json!([]), "timeline"),
        ("/created_at", json!("today"), "`today` is no time"),
    ] {
        wrong(check(&with(&order(), pointer, new)), says);
    }
}

#[test]
fn an_order_stays_what_it_was() {
    let then = read(&order());
    let check = |value: &Value| same(&read(value), &then);
    assert_eq!(check(&order()), Ok(()));
    let delivered = with(&order(), "/shipment/status", json!("delivered"));
    assert_eq!(check(&delivered), Ok(()), "parcels move");
    for (pointer, new, says) in [
        ("/order_id", json!(OTHER), "was answered first"),
        ("/status", json!("cancelled"), "status differs"),
        ("/items/0/quantity", json!(1), "items differs"),
        ("/total/amount", json!(1), "total differs"),
        ("/payment/payment_id", json!(ID), "payment differs"),
        ("/payment", Value::Null, "payment differs"),
        ("/shipment", Value::Null, "shipment differs"),
        (
            "/shipment/tracking_number",
            json!("PX2"),
            "shipment differs",
        ),
        (
            "/created_at",
            json!("2026-11-21T14:05:10Z"),
            "created_at differs",
        ),
    ] {
        wrong(check(&with(&order(), pointer, new)), says);
    }
    let unnumbered = read(&with(&order(), "/shipment/tracking_number", Value::Null));
    assert_eq!(
        same(&then, &unnumbered),
        Ok(()),
        "a late carrier gives a number"
    );
}

#[test]
fn a_refused_order_is_not_confirmed_and_holds_no_money() {
    let cancelled = with(&order(), "/status", json!("cancelled"));
    assert_eq!(
        refused(&read(&with(&cancelled, "/payment", Value::Null))),
        Ok(())
    );
    assert_eq!(
        refused(&read(&with(
            &cancelled,
            "/payment/status",
            json!("declined")
        ))),
        Ok(())
    );
    wrong(refused(&read(&cancelled)), "its payment is captured");
    wrong(refused(&read(&order())), "was refused and is confirmed");
}

#[test]
fn parcels_and_messages_are_ones_own() {
    let parcel = read(&json!({"tracking_number": "PX1", "status": "created", "events": []}));
    assert_eq!(tracking(&parcel, "PX1"), Ok(()));
    wrong(tracking(&parcel, "PX2"), "PX1 where PX2");
    let message = json!({"notification_id": ID, "title": "Thanks", "order_id": ID});
    let letters = read(&json!({"items": [message], "next_page_token": null}));
    let own = |id: &str| BTreeSet::from([id.parse().unwrap()]);
    assert_eq!(inbox(&letters, &own(ID)), Ok(()));
    wrong(inbox(&letters, &own(OTHER)), "not this customer's");
}
