//! Checks of lists, searches and products.

use serde_json::{Value, json};

use super::{OTHER, assert_wrong, coffee, read, tea, with_member};
use crate::check::catalogue::{page, product, search_results};
use crate::wire::{Money, Page, Product};

#[test]
fn the_error_names_a_missing_member() {
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
fn a_page_has_no_duplicates_and_is_not_longer_than_its_limit() {
    let both =
        || read::<Page<Product>>(&json!({"items": [coffee(), tea()], "next_page_token": null}));
    assert_eq!(page(&both(), 2, &[]), Ok(()));
    assert_wrong(
        page(&both(), 1, &[]),
        "the page has 2 products, more than the limit of 1",
    );
    assert_wrong(page(&both(), 2, &[read(&tea())]), "TEA-001 is listed twice");
    let twice = read(&json!({"items": [tea(), tea()], "next_page_token": null}));
    assert_wrong(page(&twice, 2, &[]), "TEA-001 is listed twice");
    let nameless =
        read(&json!({"items": [with_member(&tea(), "/sku", json!(""))], "next_page_token": null}));
    assert_wrong(page(&nameless, 2, &[]), "sku: empty in product");
    let endless = read(&json!({"items": [], "next_page_token": "on"}));
    assert_wrong(
        page(&endless, 2, &[]),
        "next_page_token: set on an empty page",
    );
}

#[test]
fn a_search_finds_a_product_with_the_word() {
    let tea: Product = read(&tea());
    let results =
        |items: Value, more: Value| read(&json!({"items": items, "next_page_token": more}));
    assert_eq!(
        search_results(
            &results(json!([coffee(), super::tea()]), Value::Null),
            "sencha",
            &tea
        ),
        Ok(())
    );
    assert_eq!(
        search_results(&results(json!([coffee()]), json!("on")), "sencha", &tea),
        Ok(())
    );
    assert_wrong(
        search_results(&results(json!([coffee()]), Value::Null), "sencha", &tea),
        "`sencha` does not find TEA-001",
    );
}

#[test]
fn a_products_page_shows_the_same_data_as_the_list() {
    let listed = read(&coffee());
    assert_eq!(product(&read(&coffee()), &listed), Ok(()));
    for (pointer, new, expected) in [
        ("/product_id", json!(OTHER), "expected 019b76da-a800"),
        ("/sku", json!("X"), "was listed as"),
        ("/name", json!("X"), "was listed as"),
        (
            "/price/amount",
            json!(1291),
            "1291 EUR, but it was listed at 1290 EUR",
        ),
        (
            "/price",
            Value::Null,
            "no price, but it was listed at 1290 EUR",
        ),
    ] {
        assert_wrong(
            product(&read(&with_member(&coffee(), pointer, new)), &listed),
            expected,
        );
    }
}
