//! Prices: the one place where money is computed.
//!
//! It has lines and prices, but no products, customers or discounts. As a component it exports
//! `stoa:pricing/quote` (`wit/pricing/pricing.wit`), which cart and order import; their native tests call [`rules`].
//!
//! Read [`rules`]; the component only converts between the two sets of records.

#[cfg(target_family = "wasm")]
mod component;
pub mod rules;
