//! Tests of failures and wrong answers, which the report counts by kind.

use serde_json::{Value, json};
use shop_load::{Plan, RunError, Step, Stop, run_over};

use crate::shop::{Reaction, ReceivedRequest, ShopFaults};
use crate::{count, load, plan};

/// Runs a load against a shop that replaces the member at `pointer` in responses of `endpoint` with `new`. Returns the report, and
/// the step and the error of each wrong answer.
async fn load_with_altered_body(
    endpoint: &'static str,
    pointer: &'static str,
    new: Value,
) -> (shop_load::Report, Vec<(Step, String)>) {
    let alter_body = move |received: &ReceivedRequest, body: &mut Value| {
        // The first three responses of `endpoint` stay correct, so that the load can begin.
        if received.endpoint == endpoint
            && received.nth >= 3
            && let Some(member) = body.pointer_mut(pointer)
        {
            *member = new.clone();
        }
    };
    let shop = ShopFaults {
        alter_body: Box::new(alter_body),
        ..ShopFaults::default()
    }
    .shop();
    let report = load(&plan(1, 20), &shop).await;
    let examples = &report.wrong_answers.examples;
    let found = examples.iter().map(|e| (e.step, e.error.clone())).collect();
    (report, found)
}

#[tokio::test(start_paused = true)]
async fn each_wrong_answer_is_reported_with_its_step() {
    for (endpoint, pointer, new, step, expected) in [
        (
            "GET /product",
            "/items/0/sku",
            Value::Null,
            Step::List,
            "the body is not the expected JSON: invalid type: null",
        ),
        (
            "GET /product/..",
            "/price/amount",
            json!(1),
            Step::Product,
            ": 1 EUR, but it was listed at",
        ),
        (
            "PUT /cart/..",
            "/quantity",
            json!(9),
            Step::PutInCart,
            "the cart contains 9 units of SKU",
        ),
        (
            "GET /cart",
            "/total/amount",
            json!(1),
            Step::ReadCart,
            "total: 1 EUR, expected the sum of the lines",
        ),
        (
            "POST /order",
            "/total/amount",
            json!(1),
            Step::Order,
            "total: 1 EUR, expected the sum of the lines",
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
            "total differs from the first response",
        ),
        (
            "GET /shipping/..",
            "/tracking_number",
            json!("X"),
            Step::Track,
            "tracking_number: X, expected PX-1",
        ),
        (
            "GET /notification",
            "/items/0/order_id",
            json!("019b76da-a800-71f9-9f94-ae97655f93b2"),
            Step::Inbox,
            "which is another customer's order",
        ),
    ] {
        let (report, found) = load_with_altered_body(endpoint, pointer, new).await;
        assert!(report.wrong_count() > 0, "{endpoint} {pointer}");
        let reported = found
            .iter()
            .any(|(at, error)| *at == step && error.contains(expected));
        assert!(
            reported,
            "{endpoint} {pointer}: expected `{expected}`, got {found:#?}"
        );
        assert_eq!(
            report.wrong_count(),
            report.failures.iter().map(|kind| kind.count).sum::<u64>()
        );
        assert!(
            report
                .wrong_answers
                .examples
                .iter()
                .all(|e| e.request_id.is_some())
        );
        assert!(report.failed_share() > 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_whose_response_differs_is_a_wrong_answer() {
    let alter_body = |received: &ReceivedRequest, body: &mut Value| {
        // Every second response to `POST /order` names a different payment. Customers repeat 10 % of their orders, so some repeats
        // get such a response.
        if received.endpoint == "POST /order" && received.nth % 2 == 1 {
            body["payment"]["payment_id"] = json!("019b76da-a800-71f9-9f94-ae97655f93b2");
        }
    };
    let shop = ShopFaults {
        alter_body: Box::new(alter_body),
        ..ShopFaults::default()
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
        examples.iter().any(|e| e.error.contains("payment differs")),
        "{examples:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_repeat_whose_status_differs_is_a_wrong_answer() {
    let shop = ShopFaults {
        decide: Box::new(
            |received| match (received.endpoint.as_str(), received.nth % 2) {
                ("POST /order", 1) => Reaction::Problem(402, "payment_declined"),
                _ => Reaction::Respond,
            },
        ),
        ..ShopFaults::default()
    }
    .shop();
    let report = load(&plan(1, 60), &shop).await;
    let examples = &report.wrong_answers.examples;
    assert!(
        examples
            .iter()
            .any(|e| e.step == Step::RepeatOrder && e.error.contains("has status 402")),
        "{examples:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn log_ins_are_retried_after_429_and_counted() {
    let shop = ShopFaults {
        decide: Box::new(
            |received| match (received.endpoint.as_str(), received.nth % 3) {
                ("/user/login" | "/user/register", 0 | 1) => {
                    Reaction::Problem(429, "too_many_requests")
                }
                ("GET /product/..", 0) => Reaction::Problem(429, "too_many_requests"),
                _ => Reaction::Respond,
            },
        ),
        ..ShopFaults::default()
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
    assert_eq!(report.wrong_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unusable_shop_or_plan_is_an_error() {
    let run = |shop: ShopFaults, plan: Plan| async move {
        run_over(&plan, shop.shop(), &mut |_| {}, &Stop::default())
            .await
            .unwrap_err()
    };
    let down = ShopFaults {
        decide: Box::new(|_| Reaction::Problem(503, "unavailable")),
        ..ShopFaults::default()
    };
    let error = run(down, plan(1, 1)).await;
    assert!(matches!(error, RunError::NoShop { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "cannot read the catalogue of http://shop.example.com: 503 unavailable"
    );

    let without_prices = || ShopFaults {
        alter_body: Box::new(|_, body| {
            let listed = body.get_mut("items").and_then(Value::as_array_mut);
            listed
                .into_iter()
                .flatten()
                .for_each(|item| item["price"] = Value::Null);
            if let Some(price) = body.get_mut("price") {
                *price = Value::Null;
            }
        }),
        ..ShopFaults::default()
    };
    let error = run(without_prices(), plan(1, 1)).await;
    assert!(matches!(error, RunError::NothingToBuy { .. }), "{error}");
    let browsing = Plan {
        buyers: 0.0,
        ..plan(1, 1)
    };
    let report = load(&browsing, &without_prices().shop()).await;
    assert_eq!(report.total.failed, 0, "browsers do not need prices");

    let error = run(
        ShopFaults::default(),
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
