//! Lines of carts and orders, and their sum.

use std::collections::BTreeMap;

use super::ensure::{Checked, ensure};
use crate::wire::{Line, Money, Product};

/// Units by SKU.
pub(crate) type Basket = BTreeMap<String, u32>;

/// A line is a product of the catalogue, at its price, and its total is right.
pub(super) fn line(line: &Line, unit_price: Option<&Money>) -> Checked {
    let sku = &line.sku;
    ensure(line.unit_price.as_ref() == unit_price, || {
        let listed = price(&unit_price.cloned());
        format!("{sku} at {}, listed at {listed}", price(&line.unit_price))
    })?;
    let expected = unit_price.map(|unit| Money {
        // Real amounts fit 64 bits easily; one that overflows is wrong.
        amount: unit.amount.saturating_mul(line.quantity.into()),
        currency: unit.currency.clone(),
    });
    ensure(line.line_total == expected, || {
        format!(
            "{} of {sku} make {}, expected {}",
            line.quantity,
            price(&line.line_total),
            price(&expected)
        )
    })
}

/// The lines match the basket, each is right, and the total is their sum.
pub(super) fn lines(
    all: &[Line],
    total: Option<&Money>,
    basket: &Basket,
    catalogue: &[Product],
) -> Checked {
    let mut held = Basket::new();
    for one in all {
        ensure(held.insert(one.sku.clone(), one.quantity).is_none(), || {
            format!("{} has two lines", one.sku)
        })?;
    }
    ensure(held == *basket, || {
        format!("holds {}, expected {}", words(&held), words(basket))
    })?;
    for one in all {
        let listed = catalogue.iter().find(|p| p.sku == one.sku);
        line(one, listed.and_then(|p| p.price.as_ref()))?;
    }
    let priced: Vec<&Money> = all.iter().filter_map(|l| l.line_total.as_ref()).collect();
    let sum: u128 = priced.iter().map(|m| u128::from(m.amount)).sum();
    // Each line matches the catalogue, which has one currency.
    let currency = priced.first().map(|m| m.currency.as_str());
    let stated = total.map(|t| (u128::from(t.amount), t.currency.as_str()));
    ensure(stated == currency.map(|currency| (sum, currency)), || {
        let total = price(&total.cloned());
        format!("total: {total} is not the sum of its lines, {sum}")
    })
}

/// `2 x COF-001, 1 x TEA-001`
fn words(basket: &Basket) -> String {
    let all: Vec<String> = basket
        .iter()
        .map(|(sku, n)| format!("{n} x {sku}"))
        .collect();
    if all.is_empty() {
        return "nothing".to_owned();
    }
    all.join(", ")
}

/// `1290 EUR`, or `nothing`.
pub(super) fn price(price: &Option<Money>) -> String {
    price
        .as_ref()
        .map_or("nothing".to_owned(), Money::to_string)
}
