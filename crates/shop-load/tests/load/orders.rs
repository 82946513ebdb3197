//! Tests of orders: the report's record of each order, repeats of orders, and rejected orders.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use shop_load::{OrderRecord, Outcome, Plan, Step};

use crate::shop::{Reaction, ReceivedRequest, ShopFaults};
use crate::{count, load, plan, step};

#[tokio::test(start_paused = true)]
async fn every_order_of_a_healthy_shop_is_in_the_book_with_its_exact_total() {
    let shop = ShopFaults::default().shop();
    let report = load(&plan(5, 8), &shop).await;
    assert_eq!(
        (report.total.failed, report.wrong_count()),
        (0, 0),
        "{:#?}",
        report.wrong_answers
    );
    let confirmed = shop.confirmed();
    let amount = |order: &Value| u128::from(order["total"]["amount"].as_u64().unwrap());
    let taken: u128 = confirmed.iter().map(amount).sum();
    assert!(confirmed.len() > 50);
    assert_eq!(report.orders.confirmed, confirmed.len() as u64);
    assert_eq!(
        report.orders.money,
        BTreeMap::from([("EUR".to_owned(), taken)])
    );
    for record in &report.book {
        let order = confirmed
            .iter()
            .find(|o| o["order_id"] == record.order_id.unwrap().to_string());
        let payment = record.payment_id.unwrap().to_string();
        assert_eq!(order.unwrap()["payment"]["payment_id"], payment);
        assert_eq!((record.outcome, record.attempts), (Outcome::Confirmed, 1));
    }
    // The buyers took every step. Five accounts were enough, and each account logged in once.
    for step_taken in [
        Step::Search,
        Step::NextPage,
        Step::Product,
        Step::PutInCart,
        Step::ReadCart,
        Step::Order,
        Step::ReadOrder,
        Step::RepeatOrder,
        Step::Track,
        Step::Inbox,
    ] {
        assert!(step(&report, step_taken).measured.count > 0);
    }
    assert_eq!(
        (shop.count("/user/register"), shop.count("/user/login")),
        (5, 5)
    );
    assert_eq!(report.preparation.accounts, 5);
    assert_eq!(
        step(&report, Step::Order).measured.count,
        report.orders.confirmed
    );
    assert_eq!(report.releases.keys().collect::<Vec<_>>(), ["v1"]);
}

#[tokio::test(start_paused = true)]
async fn a_declined_card_and_an_item_out_of_stock_are_outcomes_not_failures() {
    let shop = ShopFaults {
        decide: Box::new(
            |received| match (received.endpoint.as_str(), received.nth % 4) {
                ("POST /order", 0) => Reaction::Problem(402, "payment_declined"),
                ("POST /order", 1) => Reaction::Problem(409, "insufficient_stock"),
                ("PUT /cart/..", 0) => Reaction::Problem(409, "insufficient_stock"),
                _ => Reaction::Respond,
            },
        ),
        ..ShopFaults::default()
    }
    .shop();
    // This shop selects a reaction for each request, also for a repeat. If a buyer repeats an order that the shop rejected, the two
    // responses may therefore differ.
    let report = load(&plan(3, 10), &shop).await;
    let orders = &report.orders;
    assert!(
        orders.declined > 10 && orders.out_of_stock > 10 && orders.confirmed > 10,
        "{orders:?}"
    );
    assert_eq!(
        count(&report.refusals, Step::Order, "payment_declined"),
        orders.declined
    );
    assert!(count(&report.refusals, Step::PutInCart, "insufficient_stock") > 10);
    assert_eq!(step(&report, Step::Order).measured.failed, 0);
    assert!(
        step(&report, Step::EmptyCart).measured.count > 0,
        "buyers must empty the cart after a rejection"
    );
    assert_eq!(step(&report, Step::ReadCart).measured.failed, 0);
}

#[tokio::test(start_paused = true)]
async fn an_order_without_a_response_is_repeated_with_its_key_and_created_once() {
    let shop = ShopFaults {
        decide: Box::new(
            |received| match (received.endpoint.as_str(), received.nth % 3) {
                ("POST /order", 0) => Reaction::LoseResponse,
                ("POST /order", 1) => Reaction::Problem(503, "unavailable"),
                _ => Reaction::Respond,
            },
        ),
        ..ShopFaults::default()
    }
    .shop();
    let report = load(&plan(1, 30), &shop).await;
    let orders = &report.orders;
    assert!(orders.confirmed >= 10 && orders.unknown == 0, "{orders:?}");
    assert_eq!(orders.confirmed, shop.confirmed().len() as u64);
    assert!(orders.repeats >= orders.confirmed, "{orders:?}");
    assert!(report.book.iter().any(|order| order.attempts == 3));
    assert!(count(&report.failures, Step::Order, "reset") > 0);
    assert!(count(&report.failures, Step::Order, "503 unavailable") > 0);
    assert_eq!(report.wrong_count(), 0, "{:?}", report.wrong_answers);
    // A buyer repeats an order with the same key until the order has a result, and then uses a different account for the next
    // order.
    let keys: Vec<_> = shop
        .log()
        .into_iter()
        .filter_map(|received| received.key)
        .collect();
    let mut distinct = keys.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), report.book.len());
    assert!(shop.count("/user/register") > orders.confirmed / 2);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_the_shop_cancels_frees_its_key_and_stays_in_the_book() {
    let shop = ShopFaults {
        decide: Box::new(
            |received| match (received.endpoint.as_str(), received.nth % 2) {
                ("POST /order", 0) => Reaction::Cancel,
                _ => Reaction::Respond,
            },
        ),
        ..ShopFaults::default()
    }
    .shop();
    let report = load(
        &Plan {
            buyers: 1.0,
            ..plan(1, 5)
        },
        &shop,
    )
    .await;
    let first = report.book.first().unwrap();
    assert_eq!(
        (first.outcome, first.earlier_orders.len(), first.attempts),
        (Outcome::Confirmed, 1, 2)
    );
    assert_ne!(first.order_id.unwrap(), first.earlier_orders[0]);
}

/// Runs a load with a single buyer, and returns the record of the first order.
async fn first_order(
    decide: impl Fn(&ReceivedRequest) -> Reaction + Send + Sync + 'static,
) -> OrderRecord {
    let shop = ShopFaults {
        decide: Box::new(decide),
        ..ShopFaults::default()
    }
    .shop();
    let report = load(&plan(1, 5), &shop).await;
    report.book.first().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_given_up_counts_as_cancelled_only_if_the_last_response_named_it() {
    for (later, outcome) in [
        (Reaction::Cancel, Outcome::Cancelled),
        // The cancellation freed the key. The key may now belong to a further order, whose id the buyer does not
        // know.
        (Reaction::LoseResponse, Outcome::Unknown),
    ] {
        let decide =
            move |received: &ReceivedRequest| match (received.endpoint.as_str(), received.nth) {
                ("POST /order", 0) => Reaction::Cancel,
                ("POST /order", _) => later.clone(),
                _ => Reaction::Respond,
            };
        let first = first_order(decide).await;
        assert!(first.order_id.is_some() && first.attempts > 1, "{first:?}");
        assert_eq!(first.outcome, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_proves_that_no_order_exists_only_if_every_attempt_got_a_response() {
    for (before, outcome) in [
        (None, Outcome::Refused),
        (Some(Reaction::LoseResponse), Outcome::Unknown),
        (
            Some(Reaction::Problem(503, "order_in_progress")),
            Outcome::Unknown,
        ),
    ] {
        let decide = move |received: &ReceivedRequest| match (
            received.endpoint.as_str(),
            received.nth,
            &before,
        ) {
            ("POST /order", 0, Some(before)) => before.clone(),
            ("POST /order", ..) => Reaction::Problem(422, "empty_cart"),
            _ => Reaction::Respond,
        };
        let first = first_order(decide).await;
        assert_eq!(first.outcome, outcome, "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_could_expire_during_the_repeats_of_an_order_is_renewed_first() {
    // A token must be valid for 75 s: 50 s for the journey, 20 s until the buyer gives up, and 5 s for the last response.
    for (seconds, renewed) in [(70, true), (90, false)] {
        let alter_body = move |received: &ReceivedRequest, body: &mut Value| {
            if received.endpoint == "/user/login" {
                body["expires_in"] = json!(seconds);
            }
        };
        let shop = ShopFaults {
            alter_body: Box::new(alter_body),
            ..ShopFaults::default()
        }
        .shop();
        let orders = load(&plan(1, 8), &shop).await.book.len() as u64;
        let log_ins = shop.count("/user/login");
        assert!(orders > 1);
        assert_eq!(log_ins > orders, renewed, "{log_ins}, {orders}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_never_got_a_response_is_unknown() {
    let shop = ShopFaults {
        decide: Box::new(|received| match received.endpoint.as_str() {
            "POST /order" => Reaction::LoseResponse,
            _ => Reaction::Respond,
        }),
        ..ShopFaults::default()
    }
    .shop();
    let report = load(&plan(2, 30), &shop).await;
    let orders = &report.orders;
    assert!(orders.unknown >= 2 && orders.confirmed == 0, "{orders:?}");
    assert_eq!(orders.money, BTreeMap::new());
    // Within 20 s there are seven attempts, with pauses of 0.5, 1, 2, 4, 5 and 5 s.
    assert!(
        report.book.iter().all(|order| order.attempts == 7),
        "{:?}",
        report.book
    );
    // The shop created each of these orders exactly once, although the buyer never got a response.
    assert_eq!(shop.confirmed().len() as u64, orders.unknown);
    let late = Duration::from_secs(30 + 20);
    assert!(
        report.elapsed > Duration::from_secs(30) && report.elapsed < late,
        "{:?}",
        report.elapsed
    );
}
