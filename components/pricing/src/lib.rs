//! The component `pricing` is the only component that computes money.
//!
//! It computes totals from quantities and prices. It knows nothing about products, customers or discounts. The component exports
//! `stoa:pricing/quote` (`wit/pricing/pricing.wit`), which the services `cart` and `order` import. The native tests of these
//! services call [`rules`] directly.
//!
//! Read [`rules`]. The component only converts between the types of the WIT interface and the types of the rules.

#[cfg(target_family = "wasm")]
mod component;
pub mod rules;
