//! Implements [`Prices`] for native tests: calls the rules of `pricing` without the component.
#![expect(clippy::unwrap_used, reason = "invalid prices fail the test")]

use pricing::rules;
use stoa_service::money::Money;

use crate::{PriceError, Prices, Quote, QuoteLine};

/// Computes prices with the rules of `pricing`, in the same process.
#[derive(Debug)]
pub struct Rules;

impl Prices for Rules {
    fn quote(&self, lines: &[QuoteLine<'_>]) -> Result<Quote, PriceError> {
        let lines = lines.iter().map(|line| rules::Line {
            sku: line.sku.to_owned(),
            quantity: line.quantity,
            unit_price: line.unit_price.map(|price| rules::Money {
                amount: price.amount.unsigned_abs(),
                currency: price.currency.code().to_owned(),
            }),
        });
        let priced = rules::quote(lines.collect()).map_err(|error| match error {
            rules::QuoteError::Unpriced(skus) => PriceError::Unpriced(skus),
            rules::QuoteError::MixedCurrencies => PriceError::MixedCurrencies,
            rules::QuoteError::Overflow => PriceError::Overflow,
            other => PriceError::Broken(format!("{other:?}")),
        })?;
        Ok(Quote {
            line_totals: priced.lines.iter().map(|line| money(&line.total)).collect(),
            total: money(&priced.total),
        })
    }
}

fn money(money: &rules::Money) -> Money {
    Money {
        amount: money.amount.try_into().unwrap(),
        currency: money.currency.parse().unwrap(),
    }
}
