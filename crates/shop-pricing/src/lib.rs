//! How cart and order call `pricing`, the one place that computes money.
//!
//! This crate computes nothing. `Composed` (wasm) calls the component that the manifest plugs in; `testing::Rules` (native, feature
//! `testing`) calls the rules inside it.

#[cfg(target_family = "wasm")]
mod composed;
#[cfg(all(feature = "testing", not(target_family = "wasm")))]
pub mod testing;

#[cfg(target_family = "wasm")]
pub use composed::Composed;

use stoa_service::money::Money;

/// A line to price.
#[derive(Debug, Clone, Copy)]
pub struct QuoteLine<'a> {
    /// Stock keeping unit.
    pub sku: &'a str,
    /// Units.
    pub quantity: u32,
    /// Price of one unit, if it has one.
    pub unit_price: Option<Money>,
}

/// The totals of priced lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Total of each line, in the order of the request.
    pub line_totals: Vec<Money>,
    /// Total of all lines.
    pub total: Money,
}

/// Why a quote failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// These items have no price.
    #[error("no price: {}", .0.join(", "))]
    Unpriced(Vec<String>),
    /// The lines are not all in one currency.
    #[error("the items are priced in several currencies")]
    MixedCurrencies,
    /// The sum exceeds the largest amount.
    #[error("the total exceeds the largest amount")]
    Overflow,
    /// An error that pricing does not return for lines with a quantity.
    #[error("pricing returned an unexpected answer: {0}")]
    Broken(String),
}

/// Computes money.
pub trait Prices {
    /// Prices `lines`; there is at least one.
    fn quote(&self, lines: &[QuoteLine<'_>]) -> Result<Quote, PriceError>;
}
