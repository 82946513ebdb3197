//! Failures and wrong answers are found, and counted by kind.

use serde_json::{Value, json};
use shop_load::{Plan, RunError, Step, Stop, run_over};

use crate::shop::{Build, Fate, Seen};
use crate::{count, load, plan};

async fn twisted(
    what: &'static str,
    pointer: &'static str,
    new: Value,
) -> (shop_load::Report, Vec<(Step, String)>) {
    let twist = move |seen: &Seen, body: &mut Value| {
        // The first three answers stay correct, so that the load can begin.
        if seen.what == what
            && seen.nth >= 3
            && let Some(place) = body.pointer_mut(pointer)
        {
            *place = new.clone();
        }
    };
    let shop = Build {
        twist: Box::new(twist),
        ..Build::default()
    }
    .shop();
    let report = load(&plan(1, 20), &shop).await;
    let examples = &report.wrong_answers.examples;
    let found = examples.iter().map(|e| (e.step, e.what.clone())).collect();
    (report, found)
}

#[tokio::test(start_paused = true)]
async fn each_wrong_answer_is_reported_with_its_step() {
    for (what, pointer, new, step, expected) in [
        (
            "GET /product",
            "/items/0/sku",
            Value::Null,
            Step::List,
            "not the JSON that was expected: invalid type: null",
        ),
        (
            "GET /product/..",
            "/price/amount",
            json!(1),
            Step::Product,
            "costs 1 EUR and was listed at",
        ),
        (
            "PUT /cart/..",
            "/quantity",
            json!(9),
            Step::PutInCart,
            "9 of SKU",
        ),
        (
            "GET /cart",
            "/total/amount",
            json!(1),
            Step::ReadCart,
            "total: 1 EUR is not the sum of its lines",
        ),
        (
            "POST /order",
            "/total/amount",
            json!(1),
            Step::Order,
            "total: 1 EUR is not the sum of its lines",
        ),
        (
            "POST /order",
            "/payment",
            Value::Null,
            Step::Order,
            "is confirmed without a payment",
        ),
        (
            "POST /order",
            "/shipment",
            Value::Null,
            Step::Order,
            "is confirmed without a shipment",
        ),
        (
            "GET /order/..",
            "/total/amount",
            json!(1),
            Step::ReadOrder,
            "total differs from the first answer",
        ),
        (
            "GET /shipping/..",
            "/tracking_number",
            json!("X"),
            Step::Track,
            "parcel X, expected PX-1",
        ),
        (
            "GET /notification",
            "/items/0/order_id",
            json!("019b76da-a800-71f9-9f94-ae97655f93b2"),
            Step::Inbox,
            "is not this customer's",
        ),
    ] {
        let (report, found) = twisted(what, pointer, new).await;
        assert!(report.wrong() > 0, "{what} {pointer}");
        let reported = found
            .iter()
            .any(|(at, what)| *at == step && what.contains(expected));
        assert!(
            reported,
            "{what} {pointer}: expected `{expected}`, got {found:#?}"
        );
        assert_eq!(
            report.wrong(),
            report.failures.iter().map(|kind| kind.count).sum::<u64>()
        );
        assert!(
            report
                .wrong_answers
                .examples
                .iter()
                .all(|e| e.request_id.is_some())
        );
        assert!(report.failed() > 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_with_another_answer_is_wrong() {
    let twist = |seen: &Seen, body: &mut Value| {
        // One order in ten is sent twice: every second answer names another payment.
        if seen.what == "POST /order" && seen.nth % 2 == 1 {
            body["payment"]["payment_id"] = json!("019b76da-a800-71f9-9f94-ae97655f93b2");
        }
    };
    let shop = Build {
        twist: Box::new(twist),
        ..Build::default()
    }
    .shop();
    let report = load(&plan(1, 60), &shop).await;
    assert!(
        count(&report.failures, Step::RepeatOrder, "wrong answer") > 0,
        "{:#?}",
        report.failures
    );
    let examples = &report.wrong_answers.examples;
    assert!(
        examples.iter().any(|e| e.what.contains("payment differs")),
        "{examples:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_repeat_with_another_status_is_wrong() {
    let shop = Build {
        decide: Box::new(|seen| match (seen.what.as_str(), seen.nth % 2) {
            ("POST /order", 1) => Fate::Problem(402, "payment_declined"),
            _ => Fate::Answer,
        }),
        ..Build::default()
    }
    .shop();
    let report = load(&plan(1, 60), &shop).await;
    let examples = &report.wrong_answers.examples;
    assert!(
        examples
            .iter()
            .any(|e| e.step == Step::RepeatOrder && e.what.contains("answered with 402")),
        "{examples:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn log_ins_are_retried_after_429_and_counted() {
    let shop = Build {
        decide: Box::new(|seen| match (seen.what.as_str(), seen.nth % 3) {
            ("/user/login" | "/user/register", 0 | 1) => Fate::Problem(429, "too_many_requests"),
            ("GET /product/..", 0) => Fate::Problem(429, "too_many_requests"),
            _ => Fate::Answer,
        }),
        ..Build::default()
    }
    .shop();
    let report = load(&plan(2, 10), &shop).await;
    assert_eq!(report.preparation.accounts, 2);
    assert_eq!(
        count(
            &report.preparation.failures,
            Step::LogIn,
            "429 too_many_requests"
        ),
        4
    );
    assert!(count(&report.failures, Step::Product, "429 too_many_requests") > 0);
    assert!(
        report.journeys.failed > 0 && report.journeys.completed > 0,
        "{:?}",
        report.journeys
    );
    assert_eq!(report.wrong(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_shop_there_is_no_run() {
    let run = |shop: Build, plan: Plan| async move {
        run_over(&plan, shop.shop(), &mut |_| {}, &Stop::default())
            .await
            .unwrap_err()
    };
    let down = Build {
        decide: Box::new(|_| Fate::Problem(503, "unavailable")),
        ..Build::default()
    };
    let error = run(down, plan(1, 1)).await;
    assert!(matches!(error, RunError::NoShop { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "http://shop.example.com: the catalogue cannot be read: 503 unavailable"
    );

    let free = || Build {
        twist: Box::new(|_, body| {
            let listed = body.get_mut("items").and_then(Value::as_array_mut);
            listed
                .into_iter()
                .flatten()
                .for_each(|item| item["price"] = Value::Null);
            if let Some(price) = body.get_mut("price") {
                *price = Value::Null;
            }
        }),
        ..Build::default()
    };
    let error = run(free(), plan(1, 1)).await;
    assert!(matches!(error, RunError::NothingToBuy { .. }), "{error}");
    let browsing = Plan {
        buyers: 0.0,
        ..plan(1, 1)
    };
    let report = load(&browsing, &free().shop()).await;
    assert_eq!(report.total.failed, 0, "browsers need no price");

    let error = run(
        Build::default(),
        Plan {
            buyers: 2.0,
            ..plan(0, 1)
        },
    )
    .await;
    let RunError::Plan(faults) = error else {
        panic!("{error}")
    };
    assert_eq!(faults.len(), 2, "{faults:?}");
}
