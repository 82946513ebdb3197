//! Tests of the service's routes with a real database. The tests act as publishers, customers and providers.
//!
//! The file is long, because all tests share the same fixtures.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected value must fail the test"
)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use http::Method;
use notification::app::App;
use notification::client::Providers;
use notification::config::Config;
use notification::delivery::{self, MAX_ATTEMPTS};
use notification::store::SCHEMA;
use notification::store::inbox::INBOX_STATEMENT;
use serde_json::{Value, json};
use stoa_service::outbound::{CallError, Caller};
use stoa_service::sql::Database;
use stoa_service::testing::{FakeOutbound, Issuer, TestDatabase, reply, request};
use stoa_service::{Service, params};
use uuid::Uuid;

const ORDER: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);
const ANN: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_000a);
const BOB: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_000b);
/// A value in place of the status of a provider's response. It means that the response is lost.
const LOST: u16 = 0;

struct Shop {
    database: TestDatabase,
    outbound: Arc<FakeOutbound>,
    /// The status of the providers' responses, or [`LOST`].
    provider_status: Arc<AtomicU16>,
    issuer: Issuer,
}

impl Shop {
    fn new() -> Self {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        let issuer = Issuer::new("k1", 1);
        let jwks = issuer.jwks();
        let provider_status = Arc::new(AtomicU16::new(202));
        let status = provider_status.clone();
        let outbound = FakeOutbound::new(move |call| {
            if call.url.ends_with("/user/jwks") {
                return reply(200, jwks.clone());
            }
            match status.load(Ordering::SeqCst) {
                LOST => Err(CallError::Lost("gone".into())),
                status => reply(status, json!({"message_id": "m"})),
            }
        });
        Self {
            database,
            outbound: Arc::new(outbound),
            provider_status,
            issuer,
        }
    }

    fn app(&self) -> App {
        let source = |name: &str| Some(format!("http://{}", name.strip_suffix("_url")?));
        App {
            config: Config::read(&source).unwrap(),
            db: Box::new(self.database.connect()),
            outbound: Box::new(self.outbound.clone()),
            deliveries_due: Cell::new(false),
        }
    }

    /// Serves a request as the component does: makes the response, and then does the work that runs after the response.
    fn call(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let app = self.app();
        let mut builder = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(body.as_bytes().to_vec()).unwrap();
        let request = stoa_service::Request::new(App::NAME, request);
        let context = request.context().clone();
        let response = app.answer(request);
        app.after_response(&context);
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }

    fn post(&self, event: &Value) -> (u16, Value) {
        let kind = [(
            "content-type",
            "application/cloudevents+json; charset=UTF-8",
        )];
        self.call(Method::POST, "/events", &kind, &event.to_string())
    }

    fn accept(&self, event: &Value) {
        let (status, body) = self.post(event);
        assert_eq!(
            (status, &body["status"]),
            (202, &json!("accepted")),
            "{body}"
        );
    }

    /// Calls the operation that attempts all due deliveries. Returns the response's counts `delivered`, `failed` and `left`.
    fn deliver(&self) -> (i64, i64, i64) {
        let (status, body) = self.call(Method::POST, "/internal/notifications/deliver", &[], "");
        assert_eq!(status, 200);
        let n = |name: &str| body[name].as_i64().unwrap();
        (n("delivered"), n("failed"), n("left"))
    }

    fn waiting(&self) -> Value {
        let path = "/internal/notifications/deliveries";
        let (status, body) = self.call(Method::GET, path, &[], "");
        assert_eq!(status, 200, "{body}");
        body
    }

    fn inbox_page(&self, user: Uuid, query: &str) -> Value {
        let bearer = format!("Bearer {}", self.issuer.token(user, 60));
        let uri = format!("/notification{query}");
        let (status, body) = self.call(Method::GET, &uri, &[("authorization", &bearer)], "");
        assert_eq!(status, 200, "{body}");
        body
    }

    fn inbox(&self, user: Uuid) -> Vec<Value> {
        self.inbox_page(user, "")["items"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// The requests to the providers: the URL, the `Idempotency-Key` and the body of each.
    fn messages(&self) -> Vec<(String, String, Value)> {
        let calls = self.outbound.calls();
        let messages = calls.iter().filter(|c| c.url.ends_with("/messages"));
        messages
            .map(|call| {
                let key = call.headers["idempotency-key"].to_str().unwrap();
                let body = serde_json::from_slice(&call.body).unwrap();
                (call.url.clone(), key.to_owned(), body)
            })
            .collect()
    }

    fn sql(&self, statement: &str) {
        self.database.connect().execute(statement, &[]).unwrap();
    }

    fn make_due(&self) {
        self.sql("UPDATE notification_deliveries SET next_attempt_at = 0");
    }

    fn count(&self, table: &str) -> i64 {
        let rows = self.database.connect();
        let count = format!("SELECT COUNT(*) FROM notification_{table}");
        let rows = rows.execute(&count, &[]);
        rows.unwrap().first().unwrap().get(0).unwrap()
    }
}

fn event(id: &str, kind: &str, data: Value) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/stoa/order", "type": kind, "subject": ORDER,
        "time": "2026-11-21T14:00:00Z", "datacontenttype": "application/json", "data": data})
}

fn order_data(user: Uuid, phone: Value) -> Value {
    json!({"order_id": ORDER, "user_id": user, "email": "ann@example.com", "name": "Ann", "phone": phone,
        "total": {"amount": 1999, "currency": "EUR"}, "items": [{"sku": "TEA-001", "quantity": 2}],
        "tracking_number": "TRK1", "reason": null})
}

fn order_confirmed(id: &str) -> Value {
    event(
        id,
        "stoa.order.confirmed",
        order_data(ANN, json!("+4915112345678")),
    )
}

fn shipment_event(id: &str, status: &str) -> Value {
    let data = json!({"order_id": ORDER, "shipment_id": Uuid::nil(), "tracking_number": "TRK1", "status": status});
    event(id, &format!("stoa.shipment.{status}"), data)
}

#[test]
fn a_confirmed_order_becomes_an_entry_of_the_inbox_and_an_email() {
    let shop = Shop::new();
    shop.accept(&order_confirmed("e1"));
    let inbox = shop.inbox(ANN);
    assert_eq!(inbox.len(), 1);
    let entry = &inbox[0];
    assert_eq!(entry["type"], "stoa.order.confirmed");
    assert_eq!(
        (&entry["order_id"], &entry["subject"]),
        (&json!(ORDER), &json!(ORDER))
    );
    assert_eq!(entry["title"], "Your order over 19.99 EUR is confirmed");
    assert_eq!(
        entry["deliveries"],
        json!([{"channel": "email", "status": "delivered", "attempts": 1}])
    );
    let messages = shop.messages();
    assert_eq!(messages.len(), 1);
    let (url, key, body) = &messages[0];
    assert_eq!(url, "http://courier/courier/messages");
    assert!(Uuid::parse_str(key).is_ok());
    assert_eq!(
        (&body["to"], &body["subject"]),
        (&json!("ann@example.com"), &entry["title"])
    );
    let text = body["body"].as_str().unwrap();
    for part in [
        "Hello Ann,",
        "2 x TEA-001",
        "Total: 19.99 EUR",
        "TRK1",
        &ORDER.to_string(),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_message_of_a_cancelled_order_has_the_reason_and_the_total_in_its_currency() {
    let shop = Shop::new();
    let mut data = order_data(ANN, Value::Null);
    data["reason"] = json!("payment_declined");
    data["total"] = json!({"amount": 2000, "currency": "JPY"});
    shop.accept(&event("e1", "stoa.order.cancelled", data));
    let entry = &shop.inbox(ANN)[0];
    assert_eq!(entry["title"], "Your order over 2000 JPY was cancelled");
    assert!(
        entry["body"]
            .as_str()
            .unwrap()
            .contains("Reason: payment declined")
    );
}

#[test]
fn a_repeated_event_is_dropped_by_source_and_id() {
    let shop = Shop::new();
    shop.accept(&order_confirmed("e1"));
    let (status, body) = shop.post(&order_confirmed("e1"));
    assert_eq!(
        (status, body),
        (202, json!({"id": "e1", "status": "duplicate"}))
    );
    assert_eq!((shop.inbox(ANN).len(), shop.messages().len()), (1, 1));
    let mut other = order_confirmed("e1");
    other["source"] = json!("/another/shop");
    shop.accept(&other);
    assert_eq!(shop.inbox(ANN).len(), 2);
}

#[test]
fn concurrent_repeats_of_an_event_are_accepted_once() {
    let shop = Shop::new();
    let accepted = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let (status, body) = shop.post(&order_confirmed("e1"));
                    assert_eq!(status, 202, "{body}");
                    body["status"] == "accepted"
                })
            })
            .collect();
        posts
            .into_iter()
            .filter_map(|p| p.join().unwrap().then_some(()))
            .count()
    });
    assert_eq!(
        (accepted, shop.count("inbox"), shop.messages().len()),
        (1, 1, 1)
    );
}

#[test]
fn concurrent_events_of_one_order_all_get_a_customer() {
    let shop = Shop::new();
    for n in 0..20_u128 {
        let order = json!(Uuid::from_u128(n));
        let (mut order_event, mut parcel_event) = (
            order_confirmed(&format!("e{n}")),
            shipment_event(&format!("s{n}"), "picked_up"),
        );
        for event in [&mut order_event, &mut parcel_event] {
            event["subject"] = order.clone();
            event["data"]["order_id"] = order.clone();
        }
        std::thread::scope(|scope| {
            for event in [&parcel_event, &order_event] {
                scope.spawn(|| shop.accept(event));
            }
        });
    }
    let connection = shop.database.connect();
    let without_customer = connection.execute(
        "SELECT COUNT(*) FROM notification_inbox WHERE user_id IS NULL",
        &[],
    );
    let without_customer: i64 = without_customer.unwrap().first().unwrap().get(0).unwrap();
    assert_eq!((shop.count("inbox"), without_customer), (40, 0));
}

#[test]
fn binary_mode_and_extensions_are_accepted() {
    let shop = Shop::new();
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "e%201"),
        ("ce-source", "/stoa/order"),
        ("ce-type", "stoa.order.confirmed"),
        ("ce-traceparent", "00-x"),
    ];
    let body = order_data(ANN, Value::Null).to_string();
    let (status, answer) = shop.call(Method::POST, "/events", &headers, &body);
    assert_eq!(
        (status, answer),
        (202, json!({"id": "e 1", "status": "accepted"}))
    );
    // The event above was sent in binary mode. The same event in structured mode is a repeat.
    let mut structured = order_confirmed("e 1");
    structured["comexampleextension"] = json!(7);
    assert_eq!(shop.post(&structured).1["status"], "duplicate");
    assert_eq!(shop.inbox(ANN).len(), 1);
}

#[test]
fn a_shipment_event_that_arrives_first_waits_for_the_order_event() {
    let shop = Shop::new();
    shop.accept(&shipment_event("s1", "picked_up"));
    shop.accept(&shipment_event("s2", "delivered"));
    assert_eq!((shop.inbox(ANN).len(), shop.messages().len()), (0, 0));
    assert_eq!(shop.deliver(), (0, 0, 0));
    shop.accept(&order_confirmed("e1"));
    let types: Vec<_> = shop.inbox(ANN).iter().map(|n| n["type"].clone()).collect();
    assert_eq!(
        types,
        [
            "stoa.order.confirmed",
            "stoa.shipment.delivered",
            "stoa.shipment.picked_up"
        ]
    );
    let urls: Vec<_> = shop.messages().into_iter().map(|m| m.0).collect();
    let to = |host: &str| urls.iter().filter(|u| u.contains(host)).count();
    assert_eq!((to("courier"), to("sms")), (3, 1));
}

#[test]
fn events_of_the_last_mile_cause_an_sms_if_the_number_is_known() {
    for (phone, expected) in [
        (
            json!("+4915112345678"),
            vec!["out for delivery", "was delivered"],
        ),
        (Value::Null, vec![]),
    ] {
        let shop = Shop::new();
        shop.accept(&event("e1", "stoa.order.confirmed", order_data(ANN, phone)));
        for status in [
            "created",
            "picked_up",
            "in_transit",
            "out_for_delivery",
            "delivered",
            "cancelled",
            "returned",
        ] {
            shop.accept(&shipment_event(status, status));
        }
        let messages = shop.messages();
        let sms: Vec<_> = messages
            .iter()
            .filter(|m| m.0 == "http://sms/sms/messages")
            .collect();
        assert_eq!((messages.len() - sms.len(), sms.len()), (8, expected.len()));
        for (sms, words) in sms.iter().zip(expected) {
            assert_eq!(sms.2["to"], "+4915112345678");
            assert!(sms.2["body"].as_str().unwrap().contains(words), "{}", sms.2);
        }
    }
}

#[test]
fn a_message_that_a_provider_did_not_accept_is_sent_again_with_the_same_key() {
    for failure in [503, 403, LOST] {
        let shop = Shop::new();
        shop.provider_status.store(failure, Ordering::SeqCst);
        shop.accept(&order_confirmed("e1"));
        let deliveries = |shop: &Shop| shop.inbox(ANN)[0]["deliveries"][0].clone();
        assert_eq!(
            deliveries(&shop),
            json!({"channel": "email", "status": "pending", "attempts": 1})
        );
        let waiting = shop.waiting();
        assert_eq!(
            (waiting["waiting"].as_i64(), waiting["failed"].as_i64()),
            (Some(1), Some(0))
        );
        assert_eq!(waiting["oldest"], shop.inbox(ANN)[0]["created_at"]);
        // The second attempt is due after half a second at the earliest. The test postpones it by 60 s, so that no delivery is due
        // now.
        shop.sql("UPDATE notification_deliveries SET next_attempt_at = next_attempt_at + 60000");
        assert_eq!((shop.deliver(), shop.messages().len()), ((0, 0, 1), 1));
        shop.provider_status.store(202, Ordering::SeqCst);
        shop.make_due();
        assert_eq!(shop.deliver(), (1, 0, 0));
        assert_eq!(
            deliveries(&shop),
            json!({"channel": "email", "status": "delivered", "attempts": 2})
        );
        let messages = shop.messages();
        assert_eq!((messages.len(), &messages[0]), (2, &messages[1]));
        let nothing = json!({"waiting": 0, "oldest": null, "failed": 0});
        assert_eq!(shop.waiting(), nothing);
        shop.make_due();
        assert_eq!((shop.deliver(), shop.messages().len()), ((0, 0, 0), 2));
    }
}

#[test]
fn a_delivery_is_given_up_after_its_last_attempt() {
    let shop = Shop::new();
    shop.provider_status.store(500, Ordering::SeqCst);
    shop.accept(&order_confirmed("e1"));
    for attempt in 2..=MAX_ATTEMPTS {
        shop.make_due();
        let still_waiting = i64::from(attempt < MAX_ATTEMPTS);
        assert_eq!(shop.deliver(), (0, 1, still_waiting), "{attempt}");
    }
    shop.make_due();
    assert_eq!(shop.deliver(), (0, 0, 0));
    let given_up = json!({"waiting": 0, "oldest": null, "failed": 1});
    assert_eq!(shop.waiting(), given_up);
    let sent = shop.inbox(ANN)[0]["deliveries"].clone();
    assert_eq!(
        sent,
        json!([{"channel": "email", "status": "failed", "attempts": MAX_ATTEMPTS}])
    );
    assert_eq!(
        shop.messages().len(),
        usize::try_from(MAX_ATTEMPTS).unwrap()
    );
}

#[test]
fn the_claim_of_a_worker_that_died_expires() {
    let shop = Shop::new();
    shop.provider_status.store(LOST, Ordering::SeqCst);
    shop.accept(&order_confirmed("e1"));
    shop.provider_status.store(202, Ordering::SeqCst);
    // Imitates a worker that died after it had claimed the delivery.
    shop.sql("UPDATE notification_deliveries SET attempts = 5, next_attempt_at = 1");
    assert_eq!((shop.deliver(), shop.messages().len()), ((1, 0, 0), 2));
    // Imitates a worker that died during the last permitted attempt.
    shop.sql(
        "UPDATE notification_deliveries SET status = 'pending', attempts = 12, next_attempt_at = 1",
    );
    assert_eq!((shop.deliver(), shop.messages().len()), ((0, 1, 0), 2));
    assert_eq!(shop.inbox(ANN)[0]["deliveries"][0]["status"], "failed");
}

#[test]
fn concurrent_workers_send_each_delivery_once() {
    let shop = Shop::new();
    shop.provider_status.store(503, Ordering::SeqCst);
    for n in 0..20 {
        shop.accept(&order_confirmed(&n.to_string()));
    }
    shop.make_due();
    let before = shop.messages().len();
    shop.provider_status.store(202, Ordering::SeqCst);
    let (database, outbound) = (&shop.database, &shop.outbound);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let request = request(App::NAME, Method::POST, "/", &[], "");
                let caller = Caller {
                    outbound,
                    context: request.context(),
                };
                let providers = Providers::new(caller, "http://courier", "http://sms");
                delivery::deliver(&database.connect(), &providers, request.context()).unwrap();
            });
        }
    });
    let keys: Vec<_> = shop
        .messages()
        .into_iter()
        .skip(before)
        .map(|m| m.1)
        .collect();
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!((keys.len(), distinct.len()), (20, 20));
    assert_eq!(shop.deliver(), (0, 0, 0));
}

#[test]
fn only_the_owner_reads_an_inbox_and_its_pages_begin_with_the_newest() {
    let shop = Shop::new();
    for n in 0..5 {
        shop.accept(&order_confirmed(&n.to_string()));
    }
    assert!(shop.inbox(BOB).is_empty());
    let all: Vec<_> = shop
        .inbox(ANN)
        .iter()
        .map(|n| n["notification_id"].clone())
        .collect();
    let mut sorted = all.clone();
    sorted.sort_by_key(|id| std::cmp::Reverse(id.as_str().unwrap().to_owned()));
    assert_eq!(all, sorted);
    let (mut listed, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = shop.inbox_page(ANN, &query);
        listed.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|n| n["notification_id"].clone()),
        );
        match page["next_page_token"].as_str() {
            Some(token) => {
                // A page token that one user got does not give access to another user's inbox.
                assert!(
                    shop.inbox_page(BOB, &format!("?page_token={token}"))["items"]
                        .as_array()
                        .unwrap()
                        .is_empty()
                );
                query = format!("?limit=2&page_token={token}");
            }
            None => break,
        }
    }
    assert_eq!(listed, all);
}

#[test]
fn an_inbox_requires_a_valid_token() {
    let shop = Shop::new();
    shop.accept(&order_confirmed("e1"));
    let forged = format!("Bearer {}", Issuer::new("k1", 2).token(ANN, 60));
    let expired = format!("Bearer {}", shop.issuer.token(ANN, -60));
    for headers in [
        &[][..],
        &[("authorization", forged.as_str())],
        &[("authorization", expired.as_str())],
    ] {
        assert_eq!(shop.call(Method::GET, "/notification", headers, "").0, 401);
    }
}

#[test]
fn an_event_that_names_another_customer_of_the_order_is_rejected() {
    let shop = Shop::new();
    shop.accept(&order_confirmed("e1"));
    let (status, problem) = shop.post(&event(
        "e2",
        "stoa.order.cancelled",
        order_data(BOB, Value::Null),
    ));
    assert_eq!(
        (
            status,
            problem["detail"].as_str().unwrap().contains("user_id")
        ),
        (422, true)
    );
    assert_eq!(
        (
            shop.inbox(ANN).len(),
            shop.inbox(BOB).len(),
            shop.count("events")
        ),
        (1, 0, 1)
    );
}

#[test]
fn an_event_of_another_type_is_stored_and_causes_no_notification() {
    let shop = Shop::new();
    for (id, kind) in [
        ("1", "stoa.shipment.lost"),
        ("2", "com.example.thing"),
        ("3", "stoa.order.confirmed.v2"),
    ] {
        shop.accept(&event(id, kind, json!("anything")));
    }
    assert_eq!((shop.count("events"), shop.count("inbox")), (3, 0));
    assert_eq!(
        shop.post(&event("1", "stoa.shipment.lost", json!(1))).1["status"],
        "duplicate"
    );
}

#[test]
fn an_invalid_event_is_rejected_with_the_attribute_name_and_changes_nothing() {
    let shop = Shop::new();
    let with = |name: &str, value: Value| {
        let mut event = order_confirmed("e1");
        event[name] = value;
        event
    };
    let with_data = |name: &str, value: Value| {
        let mut event = order_confirmed("e1");
        event["data"][name] = value;
        event
    };
    for (event, word) in [
        (with("specversion", json!("0.3")), "specversion"),
        (with("specversion", Value::Null), "specversion"),
        (with("id", Value::Null), "id"),
        (with("id", json!("")), "id"),
        (with("id", json!("x".repeat(257))), "id"),
        (with("id", json!(7)), "integer"),
        (with("source", json!("a\nb")), "source"),
        (with("type", Value::Null), "type"),
        (with("time", json!("yesterday")), "time"),
        (with("subject", json!("another order")), "subject"),
        (with("data", Value::Null), "data"),
        (with("data", json!([ORDER])), "data"),
        (with_data("order_id", json!("7")), "UUID"),
        (with_data("user_id", Value::Null), "data"),
        (
            with_data("email", json!("ann@example.com\nbcc: x@y")),
            "data.email",
        ),
        (with_data("phone", json!("0151")), "data.phone"),
        (with_data("name", json!("Ann\n\nYou won")), "data.name"),
        (with_data("total", Value::Null), "data.total"),
        (
            with_data("total", json!({"amount": -1, "currency": "EUR"})),
            "data.total.amount: ",
        ),
        (
            with_data("total", json!({"amount": 1, "currency": "XXQ"})),
            "data.total.currency: ",
        ),
        (with_data("total", json!([1, "EUR"])), "data.total: "),
        (with_data("items", json!([["A", 1]])), "data.items[0]: "),
        (
            with_data("items", json!([{"sku": "A", "quantity": -1}])),
            "-1",
        ),
        (with_data("tracking_number", json!(1)), "integer"),
        (
            event(
                "e1",
                "stoa.shipment.delivered",
                shipment_event("x", "created")["data"].clone(),
            ),
            "data.status",
        ),
    ] {
        let (status, problem) = shop.post(&event);
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(
            (status, detail.contains(word)),
            (422, true),
            "{word}: {problem}"
        );
    }
    for (kind, body, status) in [
        ("application/cloudevents+json", "{", 400),
        ("application/cloudevents-batch+json", "[]", 415),
        ("text/plain", "{}", 415),
        ("", "{}", 415),
        ("application/json", "{}", 422),
    ] {
        let headers = [("content-type", kind)];
        let (actual, problem) = shop.call(Method::POST, "/events", &headers, body);
        assert_eq!(actual, status, "{kind}: {problem}");
    }
    assert_eq!(
        (
            shop.count("events"),
            shop.count("inbox"),
            shop.messages().len()
        ),
        (0, 0, 0)
    );
}

#[test]
fn lists_are_read_with_an_index() {
    let shop = Shop::new();
    let db = shop.database.connect();
    for (statement, values, index) in [
        (
            INBOX_STATEMENT,
            params![ANN, BOB, 20_i64],
            "notification_inbox_user",
        ),
        (
            &delivery::queue().due_statement(),
            params![0_i64, 20_i64],
            "notification_deliveries_due",
        ),
    ] {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let plan = db.execute(&explain, values).unwrap();
        let steps = plan.map(|row| row.get::<String>(3)).unwrap().join("; ");
        assert!(
            steps.contains(index) && !steps.contains("SCAN") && !steps.contains("TEMP"),
            "{steps}"
        );
    }
}
