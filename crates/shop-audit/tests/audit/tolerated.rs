//! Unusual states of a shop that are not a breach.

use std::time::Duration;

use serde_json::json;
use shop_audit::{Auditor, Options, report};

use crate::breaches::{breaches_after, record};
use crate::served::ServedShop;
use crate::shop::{Shop, ago, order, shipment};

#[tokio::test]
async fn a_short_delay_is_not_a_breach() {
    let found = breaches_after(|shop| {
        record(&mut shop.orders, order(5))["created_at"] = json!(ago(900));
        // 1,200 s is not too long: the notification service retries a rejected message for up to 1,111 s plus the response times.
        let waiting = json!({"waiting": 3, "oldest": ago(1200), "failed": 0});
        shop.queues
            .insert("/internal/notifications/deliveries", waiting);
        record(&mut shop.reservations, order(5))["expires_at"] = json!(ago(30));
        record(&mut shop.parcels, shipment(3))["status"] = json!("created");
    });
    assert_eq!(found.await, [""; 0]);
}

#[tokio::test]
async fn a_returned_and_refunded_parcel_is_not_a_breach() {
    let found = breaches_after(|shop| {
        record(&mut shop.shipments, shipment(3))["status"] = json!("returned");
        record(&mut shop.parcels, shipment(3))["status"] = json!("returned");
    });
    assert_eq!(found.await, [""; 0]);
}

#[tokio::test]
async fn messages_that_were_given_up_are_reported_and_not_a_breach() {
    let mut shop = Shop::sound();
    shop.queues.insert(
        "/internal/notifications/deliveries",
        json!({"waiting": 0, "oldest": null, "failed": 2}),
    );
    let verdict = ServedShop::new(shop).await.audit().await;
    assert!(verdict.sound);
    let text = report(&verdict);
    assert!(
        text.contains("Messages that the notification service gave up: 2."),
        "{text}"
    );
}

#[tokio::test]
async fn an_order_may_be_pending_for_as_long_as_stuck_after() {
    let mut shop = Shop::sound();
    record(&mut shop.orders, order(5))["created_at"] = json!(ago(1000));
    let served = ServedShop::new(shop).await;
    let stuck = async |stuck_after| {
        let options = Options {
            stuck_after,
            ..served.options()
        };
        let verdict = Auditor::new(options).unwrap().audit().await.unwrap();
        let breaches = verdict.breaches().map(|(name, _)| name);
        breaches.collect::<Vec<_>>()
    };
    assert_eq!(stuck(Options::STUCK_AFTER).await, ["order-ends"]);
    assert_eq!(stuck(Duration::from_secs(1200)).await, [""; 0]);
}
