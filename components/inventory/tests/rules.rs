//! Tests of the routes of `inventory` with a real SQLite database: the responses to the caller, and the resulting stock.

#![expect(
    clippy::unwrap_used,
    reason = "a panic fails the test, which is intended"
)]

use http::Method;
use inventory::app::App;
use inventory::config::Config;
use inventory::store::{SCHEMA, reservations};
use serde_json::{Value, json};
use stoa_service::sql::Database;
use stoa_service::testing::{StatementCounter, TestDatabase, request};
use stoa_service::{Service, time};
use uuid::Uuid;

fn app(db: impl Database + 'static) -> App {
    App {
        config: Config::read(&|_| None).unwrap(),
        db: Box::new(db),
    }
}

struct Shop(TestDatabase);

impl Shop {
    fn new() -> Self {
        let database = TestDatabase::new();
        SCHEMA.ensure(&database.connect()).unwrap();
        Self(database)
    }

    fn call(&self, method: Method, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        let (status, _, body) = self.call_with(method, uri, &[("idempotency-key", key)], body);
        (status, body)
    }

    /// Sends a request. Returns the response's status, ETag and body.
    fn call_with(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Option<String>, Value) {
        let request = request(App::NAME, method, uri, headers, &body.to_string());
        let response = app(self.0.connect()).answer(request);
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        let etag = response.headers().get("etag");
        let etag = etag.map(|tag| tag.to_str().unwrap().to_owned());
        (response.status().as_u16(), etag, body)
    }

    fn reserve(&self, order: Uuid, lines: Value) -> (u16, Value) {
        let body = json!({"order_id": order, "lines": lines});
        self.call(Method::POST, "/reservations", &order.to_string(), &body)
    }

    fn commit(&self, order: Uuid) -> (u16, Value) {
        let uri = format!("/reservations/{order}/commit");
        self.call(Method::POST, &uri, "", &Value::Null)
    }

    fn release(&self, order: Uuid) -> (u16, Value) {
        self.call(
            Method::DELETE,
            &format!("/reservations/{order}"),
            "",
            &Value::Null,
        )
    }

    fn set_stock(&self, sku: &str, on_hand: u32) {
        let (status, _) = self.call(
            Method::PUT,
            &format!("/items/{sku}"),
            "",
            &json!({"on_hand": on_hand}),
        );
        assert_eq!(status, 200);
    }

    /// Sets the count of a stocked SKU. `if_match` is the value of the header `If-Match`, the expected previous count. Returns the
    /// response's status and body.
    fn set_count(&self, sku: &str, on_hand: u32, if_match: &str) -> (u16, Value) {
        let headers = [("if-match", if_match)];
        let body = json!({"on_hand": on_hand});
        let (status, _, body) =
            self.call_with(Method::PUT, &format!("/items/{sku}"), &headers, &body);
        (status, body)
    }

    /// Returns `on_hand`, `reserved` and `available` of an item, after a check that `on_hand` matches the ledger.
    fn item(&self, sku: &str) -> (i64, i64, i64) {
        let (_, item) = self.call(Method::GET, &format!("/items/{sku}"), "", &Value::Null);
        let (_, ledger) = self.call(
            Method::GET,
            &format!("/items/{sku}/ledger"),
            "",
            &Value::Null,
        );
        let number = |entry: &Value, name: &str| entry[name].as_i64().unwrap();
        assert_eq!(
            number(&item, "on_hand"),
            number(&ledger, "supplied") - number(&ledger, "sold") + number(&ledger, "returned")
        );
        (
            number(&item, "on_hand"),
            number(&item, "reserved"),
            number(&item, "available"),
        )
    }
}

#[test]
fn a_new_shop_has_stock_of_sixty_items_and_more() {
    let shop = Shop::new();
    let (status, page) = shop.call(Method::GET, "/items?limit=100", "", &Value::Null);
    assert_eq!(status, 200);
    assert!(page["items"].as_array().unwrap().len() >= 60);
    let (_, first) = shop.call(Method::GET, "/items?limit=1", "", &Value::Null);
    let token = first["next_page_token"].as_str().unwrap();
    let (_, second) = shop.call(
        Method::GET,
        &format!("/items?limit=1&page_token={token}"),
        "",
        &Value::Null,
    );
    assert_eq!(second["items"][0], page["items"][1]);
}

#[test]
fn a_list_by_sku_leaves_out_skus_that_are_not_stocked() {
    let shop = Shop::new();
    shop.set_stock("A", 1);
    let (_, page) = shop.call(Method::GET, "/items?sku=COF-001,NONE,A", "", &Value::Null);
    let skus: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["sku"].clone())
        .collect();
    assert_eq!(skus, ["COF-001", "A"]);
    for bad in ["/items?sku=A&limit=1", "/items?sku="] {
        assert!(
            shop.call(Method::GET, bad, "", &Value::Null).0 >= 400,
            "{bad}"
        );
    }
}

#[test]
fn reserves_all_lines_or_none_and_reports_the_short_lines() {
    let shop = Shop::new();
    shop.set_stock("A", 5);
    shop.set_stock("B", 1);
    let (status, problem) = shop.reserve(
        Uuid::now_v7(),
        json!([{"sku": "A", "quantity": 5}, {"sku": "B", "quantity": 2}]),
    );
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("insufficient_stock"))
    );
    assert_eq!(
        problem["short"],
        json!([{"sku": "B", "quantity": 2, "available": 1}])
    );
    assert_eq!((shop.item("A"), shop.item("B")), ((5, 0, 5), (1, 0, 1)));
}

#[test]
fn a_sale_is_committed_and_a_cancelled_sale_is_restocked_once() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    shop.set_stock("A", 5);
    assert_eq!(
        shop.reserve(order, json!([{"sku": "A", "quantity": 2}])).0,
        201
    );
    assert_eq!(shop.item("A"), (5, 2, 3));
    for _ in 0..2 {
        assert_eq!(shop.commit(order).1["status"], "committed");
        assert_eq!(shop.item("A"), (3, 0, 3));
    }
    for _ in 0..2 {
        assert_eq!(shop.release(order).1["status"], "returned");
        assert_eq!(shop.item("A"), (5, 0, 5));
    }
}

#[test]
fn a_release_that_arrives_before_the_reservation_prevents_it() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    shop.set_stock("A", 5);
    assert_eq!(shop.release(order).0, 200);
    let (status, problem) = shop.reserve(order, json!([{"sku": "A", "quantity": 1}]));
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("reservation_closed"))
    );
    assert_eq!(shop.item("A"), (5, 0, 5));
}

#[test]
fn an_expired_reservation_frees_its_stock_and_reserves_it_again_only_if_available() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    shop.set_stock("A", 2);
    let line = inventory::domain::Line {
        sku: "A".parse().unwrap(),
        quantity: 2,
    };
    let now = time::now();
    reservations::reserve(&shop.0.connect(), order, &[line], now - 10, now - 1).unwrap();
    assert_eq!(shop.item("A"), (2, 0, 2));
    let other = Uuid::now_v7();
    assert_eq!(
        shop.reserve(other, json!([{"sku": "A", "quantity": 1}])).0,
        201
    );
    assert_eq!(shop.commit(order).1["code"], "insufficient_stock");
    let extend = format!("/reservations/{order}/extend");
    assert_eq!(
        shop.call(Method::POST, &extend, "", &json!({"seconds": 60}))
            .0,
        409
    );
    shop.release(other);
    assert_eq!(
        shop.call(Method::POST, &extend, "", &json!({"seconds": 60}))
            .1["status"],
        "held"
    );
    assert_eq!(shop.item("A"), (2, 2, 0));
    assert_eq!(shop.commit(order).0, 200);
    assert_eq!(shop.item("A"), (0, 0, 0));
}

#[test]
fn of_a_hundred_concurrent_orders_for_37_units_exactly_37_succeed() {
    let shop = Shop::new();
    shop.set_stock("A", 37);
    let reserved = std::thread::scope(|scope| {
        let orders: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    shop.reserve(Uuid::now_v7(), json!([{"sku": "A", "quantity": 1}]))
                        .0
                })
            })
            .collect();
        orders
            .into_iter()
            .map(|order| order.join().unwrap())
            .filter(|status| *status == 201)
            .count()
    });
    assert_eq!(reserved, 37);
    assert_eq!(shop.item("A"), (37, 37, 0));
}

#[test]
fn on_hand_cannot_be_set_below_the_reserved_units() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    shop.set_stock("A", 5);
    shop.reserve(order, json!([{"sku": "A", "quantity": 3}]));
    let (status, problem) = shop.set_count("A", 2, "*");
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("stock_reserved"))
    );
    assert_eq!(shop.item("A"), (5, 3, 2));
}

#[test]
fn a_count_based_on_an_outdated_count_is_rejected() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    shop.set_stock("A", 10);
    let (_, before, _) = shop.call_with(Method::GET, "/items/A", &[], &Value::Null);
    let before = before.unwrap();
    assert_eq!(before, "\"10\"");
    shop.reserve(order, json!([{"sku": "A", "quantity": 3}]));
    assert_eq!(shop.commit(order).0, 200);

    // The caller has read ten units, and three of them were sold since then. The caller now adds five delivered units to the
    // outdated count.
    for (if_match, status, code) in [
        (before.as_str(), 412, "stock_changed"),
        ("\"another's\"", 412, "stock_changed"),
        ("7", 400, "bad_if_match"),
    ] {
        let (found, problem) = shop.set_count("A", 15, if_match);
        assert_eq!(
            (found, &problem["code"]),
            (status, &json!(code)),
            "{if_match}"
        );
    }
    let (status, problem) = shop.call(Method::PUT, "/items/A", "", &json!({"on_hand": 15}));
    assert_eq!(
        (status, &problem["code"]),
        (428, &json!("precondition_required"))
    );
    assert_eq!(problem["on_hand"], 7);
    assert_eq!(
        shop.item("A"),
        (7, 0, 7),
        "the rejected requests must not change the stock"
    );

    let body = json!({"on_hand": 12});
    let headers = [("if-match", "\"9\", \"7\"")];
    let (status, after, _) = shop.call_with(Method::PUT, "/items/A", &headers, &body);
    assert_eq!((status, after.as_deref()), (200, Some("\"12\"")));
    assert_eq!(shop.item("A"), (12, 0, 12));
    assert_eq!(shop.set_count("A", 1, "*").0, 200);
    assert_eq!(
        shop.set_count("NEW", 1, "*").0,
        412,
        "the SKU is not stocked, so it has no count to match"
    );
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let shop = Shop::new();
    shop.set_stock("A", 5);
    let order = Uuid::now_v7();
    for lines in [
        json!([]),
        json!([{"sku": "A", "quantity": 0}]),
        json!([{"sku": "A", "quantity": -1}]),
        json!([{"sku": "A", "quantity": 4_294_967_296_u64}]),
        json!([{"sku": "A", "quantity": 1, "x": 1}]),
        json!([{"sku": "A b", "quantity": 1}]),
    ] {
        assert_eq!(shop.reserve(order, lines.clone()).0, 422, "{lines}");
    }
    let (status, problem) = shop.reserve(order, json!([{"sku": "A", "quantity": 1}, ["A", 1]]));
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        status == 422 && detail.starts_with("lines[1]: "),
        "{detail}"
    );
    let body = json!({"order_id": order, "lines": [{"sku": "A", "quantity": 1}]});
    assert_eq!(shop.call(Method::POST, "/reservations", "", &body).0, 400);
    assert_eq!(
        shop.call(
            Method::POST,
            "/reservations/nonsense/commit",
            "",
            &Value::Null
        )
        .0,
        404
    );
    assert_eq!(shop.item("A"), (5, 0, 5));
}

#[test]
fn a_list_of_100_entries_needs_as_many_statements_as_a_list_of_one() {
    let shop = Shop::new();
    for n in 0..100 {
        shop.set_stock(&format!("S{n}"), 9);
        let line = json!([{"sku": format!("S{n}"), "quantity": 1}]);
        assert_eq!(shop.reserve(Uuid::now_v7(), line).0, 201);
    }
    let statements = |uri: &str, entries: usize| {
        let db = StatementCounter::new(shop.0.connect());
        let count = db.count();
        let response = app(db).answer(request(App::NAME, Method::GET, uri, &[], ""));
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["items"].as_array().unwrap().len(), entries, "{uri}");
        count.get()
    };
    let skus: Vec<String> = (0..100).map(|n| format!("S{n}")).collect();
    let hundred = format!("/items?sku={}", skus.join(","));
    assert_eq!(statements(&hundred, 100), statements("/items?sku=S0", 1));
    assert_eq!(
        statements("/reservations?limit=100", 100),
        statements("/reservations?limit=1", 1)
    );
}
