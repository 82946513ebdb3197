//! If a response is missing, rejected or invalid, the audit ends with an error that names the URL, and never with a sound verdict.

use std::time::Duration;

use serde_json::json;
use shop_audit::{AuditError, Options, ThirdParties, audit, report};
use tokio::net::TcpListener;

use crate::served::ServedShop;
use crate::shop::Shop;

/// The beginning of the path of every read that an audit needs.
const NEEDED_READS: [&str; 9] = [
    "/internal/orders?",
    "/items?",
    "/items/COF-001/ledger",
    "/reservations?",
    "/internal/orders/outbox",
    "/internal/shipments/outbox",
    "/internal/notifications/deliveries",
    "/shipments?",
    "/payments?",
];

#[tokio::test]
async fn a_shop_that_does_not_run_is_reported_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = audit(&Options::new(&url)).await.unwrap_err();
    assert!(matches!(error, AuditError::NoResponse { .. }));
    let expected = format!("cannot read {url}/internal/orders?limit=100: ");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn the_error_names_a_rejected_read() {
    for needed in NEEDED_READS {
        for status in [403, 404, 503] {
            let served = ServedShop::with(Shop::sound(), move |_, requested| {
                let refused = requested.starts_with(needed);
                refused.then(|| (status, json!({"code": "no", "detail": "not for you"})))
            });
            let served = served.await;
            let error = audit(&served.options()).await.unwrap_err();
            assert!(matches!(&error, AuditError::Status { .. }), "{error}");
            let text = error.to_string();
            for part in [&served.url, needed, &status.to_string(), "not for you"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            let attempts = if status == 503 { 5 } else { 1 };
            assert_eq!(served.requests(needed), attempts, "{needed} {status}");
        }
    }
}

#[tokio::test]
async fn the_error_names_an_invalid_response() {
    for (requested, invalid, reason) in [
        ("/items?", json!({}), "missing field `items`"),
        (
            "/items/COF-001/ledger",
            json!({"sold": "many"}),
            "expected i64",
        ),
        (
            "/internal/orders/outbox",
            json!({"waiting": -1, "oldest": null}),
            "-1",
        ),
        (
            "/payments?",
            json!({"items": [{"payment_id": "p1"}], "next_page_token": null}),
            "UUID",
        ),
        (
            "/reservations?",
            json!({"items": [], "next_page_token": "again"}),
            "no end",
        ),
        (
            "/internal/orders/outbox",
            json!({"waiting": 1, "oldest": "yesterday"}),
            "`yesterday` is not an RFC 3339 timestamp",
        ),
        (
            "/shipments?",
            json!({"items": []}),
            "missing field `next_page_token`",
        ),
        (
            "/shipments?",
            json!({"items": [{"shipment_id": crate::shop::shipment(1), "order_id": crate::shop::order(1), "status": "created"}],
                "next_page_token": null}),
            "missing field `tracking_number`",
        ),
        (
            "/internal/shipments/outbox",
            json!({"waiting": 0}),
            "missing field `oldest`",
        ),
        (
            "/internal/notifications/deliveries",
            json!({"waiting": 1, "oldest": null, "failed": 0}),
            "although `waiting` is more than 0",
        ),
    ] {
        let served = ServedShop::with(Shop::sound(), {
            let invalid = invalid.clone();
            move |_, path| path.starts_with(requested).then(|| (200, invalid.clone()))
        });
        let error = audit(&served.await.options()).await.unwrap_err();
        assert!(matches!(error, AuditError::Invalid { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(requested), "{text}");
        assert!(text.contains(reason), "{text}");
    }
}

#[tokio::test]
async fn the_error_names_a_list_without_an_end() {
    let served = ServedShop::with(Shop::sound(), |_, requested| {
        let next = if requested.ends_with("page_token=a") {
            "b"
        } else {
            "a"
        };
        let page = json!({"items": [], "next_page_token": next});
        requested.starts_with("/shipments?").then_some((200, page))
    });
    let served = served.await;
    let error = audit(&served.options()).await.unwrap_err();
    assert!(matches!(error, AuditError::Invalid { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("page_token=b") && text.contains("no end"),
        "{text}"
    );
    assert_eq!(served.requests("/shipments?"), 3);
}

#[tokio::test]
async fn a_transient_failure_is_retried() {
    let mut failures_left = 3;
    let served = ServedShop::with(Shop::sound(), move |_, requested| {
        let busy = requested.starts_with("/shipments") && failures_left > 0;
        busy.then(|| {
            failures_left -= 1;
            (
                [429, 502, 503][failures_left],
                json!({"code": "unavailable"}),
            )
        })
    });
    let verdict = served.await.audit().await;
    assert!(
        verdict.sound && verdict.snapshots == 1,
        "{}",
        report(&verdict)
    );
}

#[tokio::test]
async fn the_report_states_that_no_third_partys_books_were_read() {
    let mut shop = Shop::sound();
    shop.book(1, "capture");
    let served = ServedShop::new(shop).await;
    assert!(
        !served.audit().await.sound,
        "the processor's ledger shows the second capture"
    );

    served.shop.lock().unwrap().books = false;
    let verdict = served.audit().await;
    assert!(verdict.sound && verdict.books.is_empty());
    assert!(report(&verdict).contains("No third party's records were read"));

    let (ledgers, books) = (served.requests("/processor"), served.requests("/carrier"));
    let options = Options {
        third_parties: ThirdParties::Never,
        ..served.options()
    };
    assert!(audit(&options).await.unwrap().books.is_empty());
    assert_eq!(
        (served.requests("/processor"), served.requests("/carrier")),
        (ledgers, books)
    );
}

#[tokio::test]
async fn without_third_parties_the_shops_own_records_must_still_agree() {
    let mut shop = Shop::sound();
    shop.books = false;
    shop.payments.get_mut(&crate::shop::payment(3)).unwrap()["status"] = json!("captured");
    let verdict = ServedShop::new(shop).await.audit().await;
    let found: Vec<_> = verdict.breaches().map(|(name, _)| name).collect();
    assert_eq!(found, ["cancelled-costs-nothing"]);
}

#[tokio::test]
async fn the_error_names_a_malformed_address() {
    let options = Options {
        recheck_after: Duration::ZERO,
        ..Options::new("shop:80")
    };
    let error = audit(&options).await.unwrap_err().to_string();
    assert!(
        error.contains("`shop:80`") && error.contains("http://127.0.0.1:8081"),
        "{error}"
    );
}
