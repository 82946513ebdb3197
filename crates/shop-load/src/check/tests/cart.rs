//! Checks of carts.

use serde_json::{Value, json};

use super::{basket, catalogue, coffee, eur, items, read, with, wrong};
use crate::check::Basket;
use crate::check::cart::{cart, put};

#[test]
fn an_item_in_the_cart_is_the_one_that_was_put_in() {
    let line = items()[0].clone();
    let coffee = read(&coffee());
    assert_eq!(put(&read(&line), &coffee, 2), Ok(()));
    wrong(put(&read(&line), &coffee, 3), "2 of COF-001, expected 3");
    wrong(
        put(&read(&with(&line, "/sku", json!("X"))), &coffee, 2),
        "2 of X",
    );
    wrong(
        put(&read(&with(&line, "/unit_price", eur(1))), &coffee, 2),
        "listed at 1290 EUR",
    );
    wrong(
        put(&read(&with(&line, "/line_total", eur(2581))), &coffee, 2),
        "make 2581 EUR, expected 2580 EUR",
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
            "holds 3 x COF-001, 1 x TEA-001, expected 2 x COF-001",
        ),
        ("/items/1/sku", json!("COF-001"), "two lines"),
        ("/items", json!([]), "holds nothing, expected"),
        ("/unpriced", json!(["COF-001"]), "no price for COF-001"),
    ] {
        wrong(check(&with(&whole, pointer, new)), says);
    }
}
