//! Prices: the one place where money is computed.
//!
//! It knows lines and prices, no products, customers or discounts. As a component it exports
//! `stoa:pricing/quote` (`wit/pricing/pricing.wit`), which cart and order import; natively their tests call [`rules`].
//!
//! Read [`rules`]; the component around it only changes one record into the other.

#[cfg(target_family = "wasm")]
mod component;
pub mod rules;
