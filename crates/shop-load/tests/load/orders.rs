//! Orders: the records in the book, repeats, and refusals.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use shop_load::{OrderRecord, Outcome, Plan, Step};

use crate::shop::{Build, Fate, Seen};
use crate::{count, load, plan, step};

#[tokio::test(start_paused = true)]
async fn every_order_of_a_healthy_shop_is_in_the_book_to_the_cent() {
    let shop = Build::default().shop();
    let report = load(&plan(5, 8), &shop).await;
    assert_eq!(
        (report.total.failed, report.wrong()),
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
    // Buyers took every step; five accounts were enough, each logged in once.
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
    let shop = Build {
        decide: Box::new(|seen| match (seen.what.as_str(), seen.nth % 4) {
            ("POST /order", 0) => Fate::Problem(402, "payment_declined"),
            ("POST /order", 1) => Fate::Problem(409, "insufficient_stock"),
            ("PUT /cart/..", 0) => Fate::Problem(409, "insufficient_stock"),
            _ => Fate::Answer,
        }),
        ..Build::default()
    }
    .shop();
    // This shop decides again at each request, so the repeat of a refused order may get another answer.
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
        "the cart is emptied after a refusal"
    );
    assert_eq!(step(&report, Step::ReadCart).measured.failed, 0);
}

#[tokio::test(start_paused = true)]
async fn an_order_without_an_answer_is_repeated_with_its_key_and_created_once() {
    let shop = Build {
        decide: Box::new(|seen| match (seen.what.as_str(), seen.nth % 3) {
            ("POST /order", 0) => Fate::Lost,
            ("POST /order", 1) => Fate::Problem(503, "unavailable"),
            _ => Fate::Answer,
        }),
        ..Build::default()
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
    assert_eq!(report.wrong(), 0, "{:?}", report.wrong_answers);
    // The same key until the order has a result; another account for the next order.
    let keys: Vec<_> = shop.log().into_iter().filter_map(|seen| seen.key).collect();
    let mut distinct = keys.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), report.book.len());
    assert!(shop.count("/user/register") > orders.confirmed / 2);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_the_shop_cancels_frees_its_key_and_stays_in_the_book() {
    let shop = Build {
        decide: Box::new(|seen| match (seen.what.as_str(), seen.nth % 2) {
            ("POST /order", 0) => Fate::Cancelled,
            _ => Fate::Answer,
        }),
        ..Build::default()
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
        (first.outcome, first.before.len(), first.attempts),
        (Outcome::Confirmed, 1, 2)
    );
    assert_ne!(first.order_id.unwrap(), first.before[0]);
}

/// The first order of a single buyer, from the book.
async fn first_order(decide: impl Fn(&Seen) -> Fate + Send + Sync + 'static) -> OrderRecord {
    let shop = Build {
        decide: Box::new(decide),
        ..Build::default()
    }
    .shop();
    let report = load(&plan(1, 5), &shop).await;
    report.book.first().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn after_giving_up_an_order_counts_as_cancelled_only_if_the_last_answer_named_it() {
    for (later, outcome) in [
        (Fate::Cancelled, Outcome::Cancelled),
        // By then the key may belong to another order, which no answer named.
        (Fate::Lost, Outcome::Unknown),
    ] {
        let decide = move |seen: &Seen| match (seen.what.as_str(), seen.nth) {
            ("POST /order", 0) => Fate::Cancelled,
            ("POST /order", _) => later.clone(),
            _ => Fate::Answer,
        };
        let first = first_order(decide).await;
        assert!(first.order_id.is_some() && first.attempts > 1, "{first:?}");
        assert_eq!(first.outcome, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_proves_that_there_is_no_order_only_if_every_attempt_was_answered() {
    for (before, outcome) in [
        (None, Outcome::Refused),
        (Some(Fate::Lost), Outcome::Unknown),
        (
            Some(Fate::Problem(503, "order_in_progress")),
            Outcome::Unknown,
        ),
    ] {
        let decide = move |seen: &Seen| match (seen.what.as_str(), seen.nth, &before) {
            ("POST /order", 0, Some(before)) => before.clone(),
            ("POST /order", ..) => Fate::Problem(422, "empty_cart"),
            _ => Fate::Answer,
        };
        let first = first_order(decide).await;
        assert_eq!(first.outcome, outcome, "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_could_expire_while_an_order_is_repeated_is_renewed_first() {
    // 50 s for the journey, 20 s until the buyer gives up, and 5 s for the last answer.
    for (seconds, renewed) in [(70, true), (90, false)] {
        let twist = move |seen: &Seen, body: &mut Value| {
            if seen.what == "/user/login" {
                body["expires_in"] = json!(seconds);
            }
        };
        let shop = Build {
            twist: Box::new(twist),
            ..Build::default()
        }
        .shop();
        let orders = load(&plan(1, 8), &shop).await.book.len() as u64;
        let log_ins = shop.count("/user/login");
        assert!(orders > 1);
        assert_eq!(log_ins > orders, renewed, "{log_ins}, {orders}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_giving_up_an_order_without_an_answer_is_unknown() {
    let shop = Build {
        decide: Box::new(|seen| match seen.what.as_str() {
            "POST /order" => Fate::Lost,
            _ => Fate::Answer,
        }),
        ..Build::default()
    }
    .shop();
    let report = load(&plan(2, 30), &shop).await;
    let orders = &report.orders;
    assert!(orders.unknown >= 2 && orders.confirmed == 0, "{orders:?}");
    assert_eq!(orders.money, BTreeMap::new());
    // 20 s with pauses of 0.5, 1, 2, 4, 5 and 5 s.
    assert!(
        report.book.iter().all(|order| order.attempts == 7),
        "{:?}",
        report.book
    );
    // The shop has each of them once: unknown orders are for an auditor.
    assert_eq!(shop.confirmed().len() as u64, orders.unknown);
    let late = Duration::from_secs(30 + 20);
    assert!(
        report.elapsed > Duration::from_secs(30) && report.elapsed < late,
        "{:?}",
        report.elapsed
    );
}
