//! Lists, searches and products.

use std::collections::BTreeSet;

use super::ensure::{Checked, ensure};
use super::lines::price;
use crate::wire::{Page, Product};

/// A page of products: at most `limit`, without duplicates, and without products of the previous page.
pub(crate) fn page(page: &Page<Product>, limit: usize, before: &[Product]) -> Checked {
    let count = page.items.len();
    ensure(count <= limit, || {
        format!("{count} products, more than the limit of {limit}")
    })?;
    ensure(page.next_page_token.is_none() || count > 0, || {
        "an empty page is not the last one".to_owned()
    })?;
    let mut seen: BTreeSet<&str> = before.iter().map(|p| p.sku.as_str()).collect();
    page.items.iter().try_for_each(|product| {
        ensure(!product.sku.is_empty(), || {
            format!("product {} has no SKU", product.product_id)
        })?;
        ensure(seen.insert(&product.sku), || {
            format!("{} is listed twice", product.sku)
        })
    })
}

/// A search for a word of `product`'s name finds it, on this page or a later one.
pub(crate) fn found(found: &Page<Product>, word: &str, product: &Product) -> Checked {
    let there = found.items.iter().any(|p| p.sku == product.sku);
    ensure(there || found.next_page_token.is_some(), || {
        format!("a search for `{word}` does not find {}", product.sku)
    })
}

/// A product's page shows the product as it was listed.
pub(crate) fn product(shown: &Product, listed: &Product) -> Checked {
    ensure(shown.product_id == listed.product_id, || {
        format!(
            "product {}, expected {}",
            shown.product_id, listed.product_id
        )
    })?;
    ensure(shown.sku == listed.sku && shown.name == listed.name, || {
        format!(
            "{} `{}` was listed as {} `{}`",
            shown.sku, shown.name, listed.sku, listed.name
        )
    })?;
    ensure(shown.price == listed.price, || {
        let (now, then) = (price(&shown.price), price(&listed.price));
        format!("{} costs {now} and was listed at {then}", shown.sku)
    })
}
