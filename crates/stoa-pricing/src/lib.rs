//! How cart and order ask `pricing`, the one place where money is computed.
//!
//! Nothing is computed here: `Composed` (wasm) hands the question to the component that the manifest plugs in,
//! `testing::Rules` (native, feature `testing`) to the rules inside it.

#[cfg(target_family = "wasm")]
mod composed;
#[cfg(all(feature = "testing", not(target_family = "wasm")))]
pub mod testing;

#[cfg(target_family = "wasm")]
pub use composed::Composed;

use stoa_service::money::Money;

/// A line to be priced.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The stock keeping unit.
    pub sku: &'a str,
    /// Units.
    pub quantity: u32,
    /// What one costs, if it has a price.
    pub unit_price: Option<Money>,
}

/// What lines cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Of each line, in the order asked.
    pub line_totals: Vec<Money>,
    /// Of all.
    pub total: Money,
}

/// Why there is no quote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// These items have no price.
    #[error("no price: {}", .0.join(", "))]
    Unpriced(Vec<String>),
    /// The lines are not all in one currency.
    #[error("the items are priced in several currencies")]
    MixedCurrencies,
    /// The sum is more than an amount may be.
    #[error("the total is more than an amount may be")]
    Overflow,
    /// Not to be expected of lines with a quantity.
    #[error("pricing does not answer as expected: {0}")]
    Broken(String),
}

/// Where money is computed.
pub trait Prices {
    /// Prices `lines`, of which there is at least one.
    fn quote(&self, lines: &[Asked<'_>]) -> Result<Quote, PriceError>;
}
