//! Tests of the built component over HTTP. A stub stands for the providers and the `user` service.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected value must fail the test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use notification::client::TIMEOUT;
use serde_json::{Value, json};
use stoa_service::testing::Issuer;
use stoa_testkit::{
    REQUEST_ID, Request, Shop, ShopOptions, Stub, StubResponse, TRACE_ID, at_once, unreachable_url,
    wait_until,
};
use uuid::Uuid;

const DELIVERY_DEADLINE: Duration = Duration::from_secs(20);

/// A stub for the `user` service and the providers at one address. `play(n)` returns the stub's response to message number `n` to
/// the courier; the first message has the number 0.
fn neighbours(issuer: &Issuer, play: impl Fn(u32) -> StubResponse + Send + Sync + 'static) -> Stub {
    let (jwks, count) = (issuer.jwks(), Arc::new(AtomicU32::new(0)));
    Stub::start(move |seen| match seen.path.as_str() {
        "/user/jwks" => StubResponse::json(200, jwks.clone()),
        "/courier/messages" => play(count.fetch_add(1, Ordering::SeqCst)),
        _ => StubResponse::problem(404, "not_found"),
    })
}

fn accepted() -> StubResponse {
    StubResponse::json(202, json!({"message_id": "m-1"}))
}

fn options(url: &str) -> ShopOptions {
    ["courier_url", "sms_url", "user_url"]
        .iter()
        .fold(ShopOptions::only(&["notification"]), |o, name| {
            o.variable(name, url)
        })
}

fn event(shop: &Shop, user: Uuid) -> Request {
    let order_id = Uuid::now_v7();
    let event = json!({"specversion": "1.0", "id": order_id, "source": "/stoa/order", "type": "stoa.order.confirmed",
        "subject": order_id, "time": "2026-11-21T14:00:00Z", "datacontenttype": "application/json", "data": {
            "order_id": order_id, "user_id": user, "email": "ann@example.com", "name": "Ann", "phone": null,
            "total": {"amount": 1999, "currency": "EUR"}, "items": [{"sku": "COF-001", "quantity": 1}],
            "tracking_number": null, "reason": null}});
    let post = shop.operator().post("/events").traced();
    post.header("content-type", "application/cloudevents+json")
        .body(event.to_string())
}

fn inbox(shop: &Shop, issuer: &Issuer, user: Uuid) -> Vec<Value> {
    let get = shop
        .gateway()
        .get("/notification")
        .bearer(&issuer.token(user, 60));
    get.send().expect(200).json["items"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn the_courier_is_called_after_the_response_with_the_trace_of_the_request() {
    let issuer = Issuer::new("k1", 1);
    let stub = neighbours(&issuer, |_| StubResponse::Silence);
    let shop = Shop::start(options(stub.url()));
    let user = Uuid::now_v7();
    let begun = Instant::now();
    let _ = event(&shop, user).send().expect(202);
    assert!(begun.elapsed() < TIMEOUT, "{:?}", begun.elapsed());
    wait_until(DELIVERY_DEADLINE, "the message", || {
        !stub.seen("/courier").is_empty()
    });
    let message = stub.seen("/courier").remove(0);
    message.assert_traced();
    assert_eq!(message.json["to"], "ann@example.com");
    assert!(message.header("idempotency-key").is_some());
    assert_eq!(
        inbox(&shop, &issuer, user).len(),
        1,
        "the inbox must list the message although the courier does not respond"
    );
}

#[test]
fn a_message_that_the_courier_rejected_is_sent_after_a_crash_with_the_same_key() {
    let issuer = Issuer::new("k1", 1);
    let stub = neighbours(&issuer, |n| match n {
        0 => StubResponse::problem(503, "unavailable"),
        _ => accepted(),
    });
    let mut shop = Shop::start(options(stub.url()));
    let user = Uuid::now_v7();
    let _ = event(&shop, user).send().expect(202);
    let line = shop.wait_for_line("the rejection", |line| {
        line["msg"] == "the provider did not accept a notification"
    });
    assert_eq!(
        (&line["request_id"], &line["trace_id"]),
        (&json!(REQUEST_ID), &json!(TRACE_ID))
    );
    shop.kill();
    shop.restart();
    wait_until(DELIVERY_DEADLINE, "the delivery", || {
        let pass = shop
            .operator()
            .post("/internal/notifications/deliver")
            .send();
        pass.expect(200).json["left"] == 0
    });
    let sent = stub.seen("/courier");
    assert_eq!(sent.len(), 2);
    assert_eq!(
        sent[0].header("idempotency-key"),
        sent[1].header("idempotency-key")
    );
    assert_eq!(inbox(&shop, &issuer, user).len(), 1);
    assert!(!shop.log().contains("ann@example.com"));
}

#[test]
fn concurrent_repeats_of_an_event_cause_one_message() {
    let issuer = Issuer::new("k1", 1);
    let stub = neighbours(&issuer, |_| accepted());
    let shop = Shop::start(options(stub.url()));
    let user = Uuid::now_v7();
    let event = event(&shop, user);
    let answers = at_once(12, |_| event.clone().send().expect(202).json);
    let accepted = answers.iter().filter(|a| a["status"] == "accepted").count();
    assert_eq!(accepted, 1, "{answers:?}");
    wait_until(DELIVERY_DEADLINE, "the delivery", || {
        let pass = shop
            .operator()
            .post("/internal/notifications/deliver")
            .send();
        pass.expect(200).json["left"] == 0
    });
    assert_eq!(stub.seen("/courier").len(), 1);
    assert_eq!(inbox(&shop, &issuer, user).len(), 1);
}

#[test]
fn without_the_user_service_a_token_cannot_be_verified() {
    let shop = Shop::start(options(&unreachable_url()));
    let token = Issuer::new("k1", 1).token(Uuid::now_v7(), 60);
    let inbox = shop.gateway().get("/notification").bearer(&token);
    let _ = inbox.send().refused(503, "unavailable");
    let line = shop.wait_for_line("the cause", |line| line["code"] == "unavailable");
    assert!(
        line["cause"]
            .as_str()
            .unwrap()
            .contains("ConnectionRefused"),
        "{line}"
    );
}

#[test]
fn methods_and_bodies_that_no_route_accepts_are_refused() {
    let shop = Shop::start(options(&unreachable_url()));
    let client = shop.operator();
    let answer = client
        .get("/events")
        .send()
        .refused(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
    let _ = client.request("HEAD", "/notification").send().expect(401);
    let long = client.post("/events").body(vec![b' '; 300_000]);
    let _ = long.send().refused(413, "body_too_large");
}
