//! Implements [`Prices`] with the component `pricing`, which the Spin manifest composes with the calling component.

use stoa_service::money::{MAX_AMOUNT, Money};

use self::bindings::stoa::pricing::quote as wit;
use crate::{PriceError, Prices, Quote, QuoteLine};

mod bindings {
    wit_bindgen::generate!({ path: "../../wit/pricing", world: "client" });
}

/// Computes prices with the component `pricing` that is composed with the calling component.
#[derive(Debug)]
pub struct Composed;

impl Prices for Composed {
    fn quote(&self, lines: &[QuoteLine<'_>]) -> Result<Quote, PriceError> {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| wit::Line {
                sku: line.sku.to_owned(),
                quantity: line.quantity,
                unit_price: line.unit_price.map(|price| wit::Money {
                    amount: price.amount.unsigned_abs(), // `Money` guarantees that the amount is not negative.
                    currency: price.currency.code().to_owned(),
                }),
            })
            .collect();
        let priced = wit::quote(&lines).map_err(|error| match error {
            wit::Error::Unpriced(skus) => PriceError::Unpriced(skus),
            wit::Error::MixedCurrencies => PriceError::MixedCurrencies,
            wit::Error::Overflow => PriceError::Overflow,
            other => PriceError::Broken(format!("{other:?}")),
        })?;
        Ok(Quote {
            line_totals: priced
                .lines
                .iter()
                .map(|line| money(&line.total))
                .collect::<Result<_, _>>()?,
            total: money(&priced.total)?,
        })
    }
}

fn money(money: &wit::Money) -> Result<Money, PriceError> {
    let amount = i64::try_from(money.amount)
        .ok()
        .filter(|amount| *amount <= MAX_AMOUNT)
        .ok_or(PriceError::Overflow)?;
    let currency = money.currency.parse().map_err(PriceError::Broken)?;
    Ok(Money { amount, currency })
}
