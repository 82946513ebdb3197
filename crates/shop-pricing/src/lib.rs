//! The services `cart` and `order` use this crate to call `pricing`, the only component that computes money.
//!
//! This crate computes nothing itself. In a component, `Composed` calls the component `pricing`, which the Spin manifest composes
//! with the service. In native tests, `testing::Rules` (feature `testing`) calls the rules of `pricing` directly.

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
    /// The stock keeping unit.
    pub sku: &'a str,
    /// The number of units.
    pub quantity: u32,
    /// The price of one unit; `None` if the item has no price.
    pub unit_price: Option<Money>,
}

/// The totals of priced lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The total of each line, in the sequence of the request.
    pub line_totals: Vec<Money>,
    /// The sum of all lines.
    pub total: Money,
}

/// The reason why a quote failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Some items have no price. The value lists their SKUs.
    #[error("these items have no price: {}", .0.join(", "))]
    Unpriced(Vec<String>),
    /// The lines have different currencies.
    #[error("the items have prices in several currencies")]
    MixedCurrencies,
    /// A total exceeds the largest amount.
    #[error(
        "the total exceeds the largest amount, {} minor units",
        stoa_service::money::MAX_AMOUNT
    )]
    Overflow,
    /// The component `pricing` returned a result that is not valid for the request. The value describes the result.
    #[error("the component pricing returned an unexpected result: {0}")]
    Broken(String),
}

/// Computes totals from quantities and prices.
pub trait Prices {
    /// Computes the total of each line and the sum. `lines` must not be empty.
    fn quote(&self, lines: &[QuoteLine<'_>]) -> Result<Quote, PriceError>;
}
