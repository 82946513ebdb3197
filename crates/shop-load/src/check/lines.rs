//! Checks of the lines of carts and orders, and of their total.

use std::collections::BTreeMap;

use super::ensure::{CheckResult, ensure};
use crate::wire::{Line, Money, Product};

/// Number of units by SKU.
pub(crate) type Basket = BTreeMap<String, u32>;

/// Checks the unit price and the total of a line. `unit_price` is the price in the catalogue.
pub(super) fn line(line: &Line, unit_price: Option<&Money>) -> CheckResult {
    let sku = &line.sku;
    ensure(line.unit_price.as_ref() == unit_price, || {
        format!(
            "unit_price: {} for {sku}, expected {} as in the catalogue",
            describe_price(&line.unit_price),
            describe_price(&unit_price.cloned())
        )
    })?;
    let expected = unit_price.map(|unit| Money {
        // Real amounts are far below the maximum of 64 bits. An amount that overflows is set to this maximum, and is then reported
        // as wrong.
        amount: unit.amount.saturating_mul(line.quantity.into()),
        currency: unit.currency.clone(),
    });
    ensure(line.line_total == expected, || {
        format!(
            "line_total: {} for {} of {sku}, expected {}",
            describe_price(&line.line_total),
            line.quantity,
            describe_price(&expected)
        )
    })
}

/// Checks that the lines match the basket, that each line is correct, and that the total is the sum of the lines.
pub(super) fn lines(
    lines: &[Line],
    total: Option<&Money>,
    basket: &Basket,
    catalogue: &[Product],
) -> CheckResult {
    let mut found = Basket::new();
    for item in lines {
        ensure(
            found.insert(item.sku.clone(), item.quantity).is_none(),
            || format!("items: {} has two lines", item.sku),
        )?;
    }
    ensure(found == *basket, || {
        let (found, expected) = (describe_basket(&found), describe_basket(basket));
        format!("items: {found}, expected {expected}")
    })?;
    for item in lines {
        let listed = catalogue.iter().find(|p| p.sku == item.sku);
        line(item, listed.and_then(|p| p.price.as_ref()))?;
    }
    let priced: Vec<&Money> = lines.iter().filter_map(|l| l.line_total.as_ref()).collect();
    let sum: u128 = priced.iter().map(|m| u128::from(m.amount)).sum();
    // All lines have the same currency: their prices match the catalogue, which has one currency.
    let currency = priced.first().map(|m| m.currency.as_str());
    let stated = total.map(|t| (u128::from(t.amount), t.currency.as_str()));
    ensure(stated == currency.map(|currency| (sum, currency)), || {
        let total = describe_price(&total.cloned());
        format!("total: {total}, expected the sum of the lines, {sum}")
    })
}

/// Describes a basket: `2 x COF-001, 1 x TEA-001`, or `none`.
fn describe_basket(basket: &Basket) -> String {
    let all: Vec<String> = basket
        .iter()
        .map(|(sku, n)| format!("{n} x {sku}"))
        .collect();
    if all.is_empty() {
        return "none".to_owned();
    }
    all.join(", ")
}

/// Describes a price: `1290 EUR`, or `no price`.
pub(super) fn describe_price(price: &Option<Money>) -> String {
    price
        .as_ref()
        .map_or("no price".to_owned(), Money::to_string)
}
