//! Checks of carts.

use serde_json::{Value, json};

use super::{assert_wrong, basket, catalogue, coffee, eur, items, read, with_member};
use crate::check::Basket;
use crate::check::cart::{cart, put_item};

#[test]
fn a_put_item_has_the_sku_the_quantity_and_the_price_of_the_request() {
    let line = items()[0].clone();
    let coffee = read(&coffee());
    assert_eq!(put_item(&read(&line), &coffee, 2), Ok(()));
    assert_wrong(
        put_item(&read(&line), &coffee, 3),
        "2 units of COF-001, expected 3 units",
    );
    assert_wrong(
        put_item(&read(&with_member(&line, "/sku", json!("X"))), &coffee, 2),
        "2 units of X",
    );
    assert_wrong(
        put_item(
            &read(&with_member(&line, "/unit_price", eur(1))),
            &coffee,
            2,
        ),
        "expected 1290 EUR",
    );
    assert_wrong(
        put_item(
            &read(&with_member(&line, "/line_total", eur(2581))),
            &coffee,
            2,
        ),
        "line_total: 2581 EUR for 2 of COF-001, expected 2580 EUR",
    );
    assert_wrong(
        put_item(
            &read(&with_member(&line, "/line_total", Value::Null)),
            &coffee,
            2,
        ),
        "line_total: no price",
    );
}

#[test]
fn the_total_of_a_cart_is_the_sum_of_its_items() {
    let whole = json!({"items": items(), "total": eur(3480), "unpriced": []});
    let check = |value: &Value| cart(&read(value), &basket(), &catalogue());
    assert_eq!(check(&whole), Ok(()));
    let empty = json!({"items": [], "total": null, "unpriced": []});
    assert_eq!(cart(&read(&empty), &Basket::new(), &catalogue()), Ok(()));
    for (pointer, new, expected) in [
        (
            "/total/amount",
            json!(3479),
            "total: 3479 EUR, expected the sum of the lines, 3480",
        ),
        ("/total/currency", json!("USD"), "total: 3480 USD"),
        ("/total", Value::Null, "total: no price"),
        (
            "/items/0/quantity",
            json!(3),
            "items: 3 x COF-001, 1 x TEA-001, expected 2 x COF-001",
        ),
        ("/items/1/sku", json!("COF-001"), "two lines"),
        ("/items", json!([]), "items: none, expected"),
        ("/unpriced", json!(["COF-001"]), "no price for COF-001"),
    ] {
        assert_wrong(check(&with_member(&whole, pointer, new)), expected);
    }
}
