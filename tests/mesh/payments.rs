//! payment-fault, over the whole shop: what it does to orders by default.

use stoa_testkit::{Shop, ShopOptions, at_once};

use crate::customer::{Customer, Operator, key, text};

const ORDERS: usize = 400;
const AT_ONCE: usize = 4;

#[test]
fn a_tenth_of_the_orders_is_declined_and_a_retry_meets_the_same_fate() {
    let mut options = ShopOptions::mesh().timers(false);
    options.filters.clear();
    let shop = Shop::start(options);
    let operator = Operator::of(&shop);
    operator.set_stock("COF-001", 10_000);
    let customer = Customer::register(&shop, "ann");
    let before = operator.ledger().len();
    let declined = at_once(AT_ONCE, |_| {
        let mut declined = 0;
        for number in 0..ORDERS / AT_ONCE {
            let key = key();
            let answer = customer.order(&key, "COF-001", 1, "tok_visa");
            match answer.status {
                201 => assert_eq!(text(&answer.json, "status"), "confirmed"),
                402 => {
                    assert_eq!(answer.json["code"], "payment_declined");
                    declined += 1;
                }
                status => panic!("{status}: {}", answer.text()),
            }
            if number % 10 == 0 {
                let again = customer.order(&key, "COF-001", 1, "tok_visa");
                assert_eq!(
                    (again.status, &again.json["order_id"]),
                    (answer.status, &answer.json["order_id"])
                );
            }
        }
        declined
    });
    let declined: usize = declined.into_iter().sum();
    // Four standard deviations: 24 of 400.
    assert!((16..=64).contains(&declined), "{declined} of {ORDERS}");
    println!("{declined} of {ORDERS} orders declined");
    // Who was declined was not charged, and what he wanted is in stock again.
    assert_eq!(operator.ledger().len() - before, ORDERS - declined);
    let sold = i64::try_from(ORDERS - declined).unwrap();
    assert_eq!(operator.stock("COF-001"), (10_000 - sold, 0, 10_000 - sold));
}
