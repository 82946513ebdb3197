//! Exports [`crate::rules`] through the WIT interface. The WIT interface has its own types for lines, prices and totals, so this
//! file converts between these types and the types of the rules.
#![expect(unsafe_code, reason = "wit-bindgen's macro expands to unsafe code")]
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "wit-bindgen generates these items; wit/pricing/pricing.wit describes them"
)]

use crate::rules;

wit_bindgen::generate!({ path: "../../wit/pricing", world: "pricing" });

use exports::stoa::pricing::quote::{Error, Guest, Line, Money, Priced, PricedLine};

struct Component;

export!(Component);

impl Guest for Component {
    fn quote(lines: Vec<Line>) -> Result<Priced, Error> {
        let lines = lines
            .into_iter()
            .map(|line| rules::Line {
                sku: line.sku,
                quantity: line.quantity,
                unit_price: line.unit_price.map(|price| rules::Money {
                    amount: price.amount,
                    currency: price.currency,
                }),
            })
            .collect();
        match rules::quote(lines) {
            Ok(priced) => Ok(Priced {
                lines: priced.lines.into_iter().map(line).collect(),
                total: money(priced.total),
            }),
            Err(rules::QuoteError::Empty) => Err(Error::Empty),
            Err(rules::QuoteError::Unpriced(skus)) => Err(Error::Unpriced(skus)),
            Err(rules::QuoteError::MixedCurrencies) => Err(Error::MixedCurrencies),
            Err(rules::QuoteError::BadQuantity(sku)) => Err(Error::BadQuantity(sku)),
            Err(rules::QuoteError::Overflow) => Err(Error::Overflow),
        }
    }
}

fn line(line: rules::PricedLine) -> PricedLine {
    PricedLine {
        sku: line.sku,
        quantity: line.quantity,
        unit_price: money(line.unit_price),
        total: money(line.total),
    }
}

fn money(money: rules::Money) -> Money {
    Money {
        amount: money.amount,
        currency: money.currency,
    }
}
