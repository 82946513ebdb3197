//! Checks of carts.

use super::ensure::{CheckResult, ensure};
use super::lines::{Basket, line, lines};
use crate::wire::{Cart, Line, Product};

/// Checks the response to the request that put `quantity` of `product` into the cart.
pub(crate) fn put_item(item: &Line, product: &Product, quantity: u32) -> CheckResult {
    ensure(item.sku == product.sku && item.quantity == quantity, || {
        format!(
            "the cart contains {} units of {}, expected {quantity} units of {}",
            item.quantity, item.sku, product.sku
        )
    })?;
    line(item, product.price.as_ref())
}

/// Checks that the cart holds exactly the items of the basket, and that the total is the sum of the items.
pub(crate) fn cart(cart: &Cart, basket: &Basket, catalogue: &[Product]) -> CheckResult {
    ensure(cart.unpriced.is_empty(), || {
        format!("the cart has no price for {}", cart.unpriced.join(", "))
    })?;
    lines(&cart.items, cart.total.as_ref(), basket, catalogue)
}
