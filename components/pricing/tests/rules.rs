//! Compares the results of the rules with the same sums in 128-bit numbers, which cannot overflow in these tests.

use pricing::rules::{Line, MAX_AMOUNT, Money, QuoteError, quote};
use proptest::collection::vec;
use proptest::prelude::*;

fn line(sku: &str, quantity: u32, price: Option<(u64, &str)>) -> Line {
    Line {
        sku: sku.to_owned(),
        quantity,
        unit_price: price.map(|(amount, currency)| Money {
            amount,
            currency: currency.to_owned(),
        }),
    }
}

#[test]
fn a_quote_has_the_total_of_each_line_in_request_order_and_the_sum() {
    let priced = quote(vec![
        line("B", 3, Some((1999, "EUR"))),
        line("A", 1, Some((5, "EUR"))),
        line("B", 1, Some((0, "EUR"))),
    ])
    .unwrap();
    let totals: Vec<_> = priced
        .lines
        .iter()
        .map(|l| (l.sku.as_str(), l.quantity, l.total.amount))
        .collect();
    assert_eq!(totals, [("B", 3, 5997), ("A", 1, 5), ("B", 1, 0)]);
    assert_eq!(
        priced.total,
        Money {
            amount: 6002,
            currency: "EUR".to_owned()
        }
    );
}

#[test]
fn the_error_lists_every_item_without_a_price() {
    let lines = vec![
        line("A", 1, None),
        line("B", 1, Some((1, "EUR"))),
        line("C", 1, Some((1, "USD"))),
        line("D", 2, None),
    ];
    assert_eq!(
        quote(lines),
        Err(QuoteError::Unpriced(vec!["A".into(), "D".into()]))
    );
}

#[test]
fn rejects_empty_requests_zero_units_two_currencies_and_amounts_out_of_range() {
    for (lines, error) in [
        (vec![], QuoteError::Empty),
        (
            vec![line("A", 1, None), line("B", 0, Some((1, "EUR")))],
            QuoteError::BadQuantity("B".into()),
        ),
        (
            vec![
                line("A", 1, Some((1, "EUR"))),
                line("B", 1, Some((1, "USD"))),
            ],
            QuoteError::MixedCurrencies,
        ),
        (
            vec![line("A", 1, Some((MAX_AMOUNT + 1, "EUR")))],
            QuoteError::Overflow,
        ),
        (
            vec![line("A", u32::MAX, Some((u64::MAX, "EUR")))],
            QuoteError::Overflow,
        ),
        (
            vec![
                line("A", 1, Some((MAX_AMOUNT, "EUR"))),
                line("B", 1, Some((1, "EUR"))),
            ],
            QuoteError::Overflow,
        ),
    ] {
        assert_eq!(quote(lines.clone()), Err(error), "{lines:?}");
    }
    assert!(quote(vec![line("A", 1, Some((MAX_AMOUNT, "EUR")))]).is_ok());
}

fn any_line() -> impl Strategy<Value = Line> {
    let amount = prop_oneof![0..100_000_u64, 0..=MAX_AMOUNT, any::<u64>()];
    let price = proptest::option::weighted(
        0.95,
        (amount, prop_oneof![9 => Just("EUR"), 1 => Just("USD")]),
    );
    let quantity = prop_oneof![20 => 1..1000_u32, 1 => any::<u32>()];
    ("[A-Z]{1,3}", quantity, price).prop_map(|(sku, quantity, price)| line(&sku, quantity, price))
}

/// Generates lines that can be priced.
fn priceable_line() -> impl Strategy<Value = Line> {
    ("[A-Z]{1,3}", 1..1000_u32, 0..10_000_000_u64)
        .prop_map(|(sku, quantity, amount)| line(&sku, quantity, Some((amount, "EUR"))))
}

proptest! {
    #[test]
    fn valid_lines_always_have_a_quote_with_exact_sums(lines in vec(priceable_line(), 1..50)) {
        let sum: u128 = lines.iter()
            .map(|l| u128::from(l.quantity) * u128::from(l.unit_price.as_ref().unwrap().amount))
            .sum();
        let priced = quote(lines.clone()).unwrap();
        prop_assert_eq!(u128::from(priced.total.amount), sum);
        for (requested, returned) in lines.iter().zip(&priced.lines) {
            prop_assert_eq!((&requested.sku, requested.quantity, requested.unit_price.as_ref()),
                (&returned.sku, returned.quantity, Some(&returned.unit_price)));
            prop_assert_eq!(u128::from(returned.total.amount), u128::from(returned.quantity) * u128::from(returned.unit_price.amount));
        }
        prop_assert_eq!(lines.len(), priced.lines.len());
    }

    #[test]
    fn lines_have_a_quote_exactly_if_wide_arithmetic_stays_in_range(lines in vec(any_line(), 0..20)) {
        let totals: Vec<Option<u128>> = lines.iter()
            .map(|l| l.unit_price.as_ref().map(|p| u128::from(l.quantity) * u128::from(p.amount)))
            .collect();
        let priced_all = totals.iter().all(Option::is_some);
        let sum: u128 = totals.iter().flatten().sum();
        let prices_fit = lines.iter().filter_map(|l| l.unit_price.as_ref()).all(|p| p.amount <= MAX_AMOUNT);
        let one_currency = lines.iter().filter_map(|l| l.unit_price.as_ref())
            .all(|p| Some(&p.currency) == lines[0].unit_price.as_ref().map(|p| &p.currency));
        let good = !lines.is_empty() && priced_all && lines.iter().all(|l| l.quantity > 0)
            && prices_fit && sum <= u128::from(MAX_AMOUNT) && one_currency;
        match quote(lines) {
            Ok(priced) => {
                prop_assert!(good);
                prop_assert_eq!(u128::from(priced.total.amount), sum);
            }
            Err(error) => prop_assert!(!good, "{error:?}"),
        }
    }
}
