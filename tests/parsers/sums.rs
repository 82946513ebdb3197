//! Property tests of sums of money and units: the sums are exact, or an error.

use proptest::collection::vec;
use proptest::prelude::*;
use shop_pricing::testing::Rules;
use shop_pricing::{PriceError, Prices, QuoteLine};
use stoa_service::money::{MAX_AMOUNT, Money};

use crate::config;

/// Lines with SKUs and quantities. Some SKUs are equal, and some quantities are above the maximum.
fn lines() -> impl Strategy<Value = Vec<(String, u32)>> {
    let quantity = prop_oneof![10 => 0..120_u32, 2 => 0..2_000_000_u32, 1 => any::<u32>()];
    vec(("[A-D]", quantity), 0..20)
}

fn price() -> impl Strategy<Value = Money> {
    let amount = prop_oneof![4 => 0..100_000_i64, 1 => 0..=MAX_AMOUNT, 1 => Just(MAX_AMOUNT)];
    let code = prop_oneof![9 => Just("EUR"), 1 => Just("JPY")];
    (amount, code).prop_map(|(amount, code)| Money {
        amount,
        currency: code.parse().unwrap(),
    })
}

/// Sum of the units of each SKU, in a type that cannot overflow.
fn units(lines: &[(String, u32)]) -> std::collections::BTreeMap<&str, u128> {
    let mut units = std::collections::BTreeMap::new();
    for (sku, quantity) in lines {
        *units.entry(sku.as_str()).or_default() += u128::from(*quantity);
    }
    units
}

/// Whether the lines are valid after lines with the same SKU are merged. `most` is the maximum quantity of a SKU.
fn can_be_merged(lines: &[(String, u32)], most: u128) -> bool {
    !lines.is_empty()
        && lines.iter().all(|(_, quantity)| *quantity >= 1)
        && units(lines).values().all(|sum| *sum <= most)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_quote_is_the_exact_sum_or_an_error(lines in vec(("[A-Z]", 1..=1_000_000_u32, price()), 1..30)) {
        let quote_lines: Vec<_> = lines.iter().map(|(sku, quantity, price)| QuoteLine {
            sku, quantity: *quantity, unit_price: Some(*price),
        }).collect();
        let total = |line: &QuoteLine<'_>| i128::from(line.quantity) * i128::from(line.unit_price.unwrap().amount);
        let sum: i128 = quote_lines.iter().map(total).sum();
        let one_currency = lines.iter().all(|(.., price)| price.currency == lines[0].2.currency);
        match Rules.quote(&quote_lines) {
            Ok(quote) => {
                prop_assert!(one_currency && sum <= i128::from(MAX_AMOUNT));
                prop_assert_eq!(i128::from(quote.total.amount), sum);
                for (line, line_total) in quote_lines.iter().zip(&quote.line_totals) {
                    prop_assert_eq!(i128::from(line_total.amount), total(line));
                }
            }
            Err(PriceError::Overflow) => prop_assert!(sum > i128::from(MAX_AMOUNT)),
            Err(PriceError::MixedCurrencies) => prop_assert!(!one_currency),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn an_order_adds_the_units_of_a_sku_exactly_or_is_rejected(lines in lines()) {
        let given = lines.iter().map(|(sku, quantity)| order::draft::Line { sku: sku.parse().unwrap(), quantity: *quantity });
        let joined = order::draft::join_lines("items", given.collect());
        prop_assert_eq!(joined.is_ok(), can_be_merged(&lines, 99));
        for line in joined.into_iter().flatten() {
            prop_assert_eq!(u128::from(line.quantity), units(&lines)[line.sku.as_str()]);
        }
    }

    #[test]
    fn a_reservation_adds_the_units_of_a_sku_exactly_or_is_rejected(lines in lines()) {
        let given = lines.iter().map(|(sku, quantity)| inventory::domain::Line { sku: sku.parse().unwrap(), quantity: *quantity });
        let joined = inventory::domain::join_lines(given.collect());
        prop_assert_eq!(joined.is_ok(), can_be_merged(&lines, 1_000_000));
        for line in joined.into_iter().flatten() {
            prop_assert_eq!(u128::from(line.quantity), units(&lines)[line.sku.as_str()]);
        }
    }

    #[test]
    fn the_total_of_a_cart_is_the_sum_of_the_items_with_a_price(items in vec(("[A-Z]{2}", 1..=99_u32, proptest::option::weighted(0.8, price())), 0..50)) {
        let kept = items.iter().map(|(sku, quantity, price)| cart::domain::Item {
            sku: sku.parse().unwrap(), name: sku.clone(), quantity: *quantity, price: *price, priced_at: 0,
        });
        let cart = cart::domain::Cart { version: 0, items: kept.collect() };
        let totals = cart::app::pricing::totals(&cart.items, &Rules).unwrap();
        let cart = cart.priced(&totals, None);
        let priced: Vec<_> = items.iter().filter_map(|(_, quantity, price)| Some((i128::from(*quantity), (*price)?))).collect();
        let sum: i128 = priced.iter().map(|(quantity, price)| quantity * i128::from(price.amount)).sum();
        let one = priced.iter().all(|(_, price)| price.currency == priced[0].1.currency);
        let expected = (!priced.is_empty() && one && sum <= i128::from(MAX_AMOUNT)).then_some(sum);
        prop_assert_eq!(cart.total.map(|total| i128::from(total.amount)), expected);
        prop_assert_eq!(cart.unpriced.len(), items.len() - priced.len());
    }
}
