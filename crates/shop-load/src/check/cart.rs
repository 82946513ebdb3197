//! Carts.

use super::ensure::{Checked, ensure};
use super::lines::{Basket, line, lines};
use crate::wire::{Cart, Line, Product};

/// An item that was put into a cart.
pub(crate) fn put(put: &Line, product: &Product, quantity: u32) -> Checked {
    ensure(put.sku == product.sku && put.quantity == quantity, || {
        format!(
            "{} of {}, expected {quantity} of {}",
            put.quantity, put.sku, product.sku
        )
    })?;
    line(put, product.price.as_ref())
}

/// A cart holds the items that were put in, and its total is their sum.
pub(crate) fn cart(cart: &Cart, basket: &Basket, catalogue: &[Product]) -> Checked {
    ensure(cart.unpriced.is_empty(), || {
        format!("has no price for {}", cart.unpriced.join(", "))
    })?;
    lines(&cart.items, cart.total.as_ref(), basket, catalogue)
}
