//! Checks of lists, searches and products.

use std::collections::BTreeSet;

use super::ensure::{CheckResult, ensure};
use super::lines::describe_price;
use crate::wire::{Page, Product};

/// Checks that a page contains at most `limit` products, no product twice, and no product of the pages `before`.
pub(crate) fn page(page: &Page<Product>, limit: usize, before: &[Product]) -> CheckResult {
    let count = page.items.len();
    ensure(count <= limit, || {
        format!("the page has {count} products, more than the limit of {limit}")
    })?;
    ensure(page.next_page_token.is_none() || count > 0, || {
        "next_page_token: set on an empty page".to_owned()
    })?;
    let mut listed: BTreeSet<&str> = before.iter().map(|p| p.sku.as_str()).collect();
    page.items.iter().try_for_each(|product| {
        ensure(!product.sku.is_empty(), || {
            format!("sku: empty in product {}", product.product_id)
        })?;
        ensure(listed.insert(&product.sku), || {
            format!("{} is listed twice", product.sku)
        })
    })
}

/// Checks that the first page of search results contains the product, or that there are further pages.
pub(crate) fn search_results(
    results: &Page<Product>,
    word: &str,
    product: &Product,
) -> CheckResult {
    let is_found = results.items.iter().any(|p| p.sku == product.sku);
    ensure(is_found || results.next_page_token.is_some(), || {
        format!("the search for `{word}` does not find {}", product.sku)
    })
}

/// Checks that a product that was read by its id has the same data as in the list of products.
pub(crate) fn product(shown: &Product, listed: &Product) -> CheckResult {
    ensure(shown.product_id == listed.product_id, || {
        format!(
            "product_id: {}, expected {}",
            shown.product_id, listed.product_id
        )
    })?;
    ensure(shown.sku == listed.sku && shown.name == listed.name, || {
        format!(
            "the product is {} `{}`, but was listed as {} `{}`",
            shown.sku, shown.name, listed.sku, listed.name
        )
    })?;
    ensure(shown.price == listed.price, || {
        let (shown_price, listed_price) =
            (describe_price(&shown.price), describe_price(&listed.price));
        format!(
            "price of {}: {shown_price}, but it was listed at {listed_price}",
            shown.sku
        )
    })
}
