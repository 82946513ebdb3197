//! Checks of lists, searches and products.

use serde_json::{Value, json};

use super::{OTHER, coffee, read, tea, with, wrong};
use crate::check::catalogue::{found, page, product};
use crate::wire::{Money, Page, Product};

#[test]
fn a_missing_member_is_named() {
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
fn a_page_repeats_nothing_and_is_not_longer_than_its_limit() {
    let both =
        || read::<Page<Product>>(&json!({"items": [coffee(), tea()], "next_page_token": null}));
    assert_eq!(page(&both(), 2, &[]), Ok(()));
    wrong(
        page(&both(), 1, &[]),
        "2 products, more than the limit of 1",
    );
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
fn a_search_finds_a_product_with_the_word() {
    let tea: Product = read(&tea());
    let results =
        |items: Value, more: Value| read(&json!({"items": items, "next_page_token": more}));
    assert_eq!(
        found(
            &results(json!([coffee(), super::tea()]), Value::Null),
            "sencha",
            &tea
        ),
        Ok(())
    );
    assert_eq!(
        found(&results(json!([coffee()]), json!("on")), "sencha", &tea),
        Ok(())
    );
    wrong(
        found(&results(json!([coffee()]), Value::Null), "sencha", &tea),
        "`sencha` does not find TEA-001",
    );
}

#[test]
fn a_product_is_as_it_was_listed() {
    let listed = read(&coffee());
    assert_eq!(product(&read(&coffee()), &listed), Ok(()));
    for (pointer, new, says) in [
        ("/product_id", json!(OTHER), "expected 019b76da-a800"),
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
