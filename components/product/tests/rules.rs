//! The service's routes over a real SQLite: what a caller of either release sees.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test cannot read fails it"
)]

use std::sync::Arc;

use http::Method;
use product::config::Config;
use product::domain::Release;
use product::http::{App, SERVICE, answer};
use product::pim::PAUSE;
use product::store::SCHEMA;
use serde_json::{Value, json};
use stoa_service::outbound::{Call, CallError, Reply};
use stoa_service::params;
use stoa_service::route::Response;
use stoa_service::sql::Database as _;
use stoa_service::testing::{FakeOutbound, Issuer, Sqlite, reply, request};
use uuid::Uuid;

struct Shop {
    sqlite: Sqlite,
    outbound: Arc<FakeOutbound>,
    release: Release,
}

impl Shop {
    fn new(
        release: Release,
        answers: impl Fn(&Call) -> Result<Reply, CallError> + Send + Sync + 'static,
    ) -> Self {
        let sqlite = Sqlite::new();
        SCHEMA.ensure(&sqlite.connect()).unwrap();
        Self {
            sqlite,
            outbound: Arc::new(FakeOutbound::new(answers)),
            release,
        }
    }

    /// A shop all of whose neighbours are down.
    fn alone(release: Release) -> Self {
        Self::new(release, |_| Err(CallError::NotSent("down".into())))
    }

    fn send(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Response) {
        let config = Config::read(&|name| {
            name.strip_suffix("_url")
                .map(|service| format!("http://{service}"))
        });
        let app = App {
            config: config.unwrap(),
            db: Box::new(self.sqlite.connect()),
            outbound: Box::new(Arc::clone(&self.outbound)),
            release: self.release,
        };
        let response = answer(
            &app,
            request(SERVICE, method, uri, headers, &body.to_string()),
        );
        assert_eq!(
            response.headers()["x-shop-version"],
            self.release.word(),
            "{uri}"
        );
        (response.status().as_u16(), response)
    }

    fn get(&self, uri: &str) -> (u16, Value) {
        let (status, response) = self.send(Method::GET, uri, &[], &Value::Null);
        (status, serde_json::from_slice(response.body()).unwrap())
    }

    /// The members `name` of a list, following its pages.
    fn all(&self, uri: &str, name: &str) -> Vec<String> {
        let (mut found, mut next) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.get(&format!("{uri}{next}"));
            assert_eq!(status, 200, "{page}");
            found.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|i| i[name].as_str().unwrap().to_owned()),
            );
            match page["next_page_token"].as_str() {
                Some(token) => next = format!("&page_token={token}"),
                None => return found,
            }
        }
    }

    fn sql(&self, statement: &str, value: i64) {
        let db = self.sqlite.connect();
        db.execute(statement, params![value]).unwrap();
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn a_new_shop_lists_every_product_once_in_the_order_of_names() {
    let shop = Shop::alone(Release::V1);
    for limit in [1, 7, 100] {
        let names = shop.all(&format!("/product?limit={limit}"), "name");
        assert_eq!(names.len(), 66);
        assert!(
            names
                .windows(2)
                .all(|pair| product::text::sort_key(&pair[0]) <= product::text::sort_key(&pair[1]))
        );
        assert_eq!(
            sorted(names.clone()),
            sorted(shop.all("/product?limit=100", "name"))
        );
    }
    let categories: std::collections::BTreeSet<_> = shop
        .all("/product?limit=100", "category")
        .into_iter()
        .collect();
    assert_eq!(categories.len(), 6);
    let (_, page) = shop.get("/product?limit=100");
    let unpriced = page["items"].as_array().unwrap().iter();
    assert_eq!(unpriced.filter(|p| p["price"].is_null()).count(), 1);
}

#[test]
fn the_new_shops_stock_and_catalogue_name_the_same_skus() {
    let shop = Shop::alone(Release::V1);
    let stock: Vec<Value> =
        serde_json::from_str(include_str!("../../inventory/stock.json")).unwrap();
    let stock = stock
        .iter()
        .map(|s| s["sku"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sorted(shop.all("/product?limit=100", "sku")), sorted(stock));
}

#[test]
fn a_category_is_listed_by_itself_and_searched_by_itself() {
    let shop = Shop::alone(Release::V1);
    let names = shop.all("/product?category=tea&limit=4", "name");
    assert_eq!(names.len(), 11);
    for (release, found) in [
        (Release::V1, ["OUT-005", "OUT-001"]),
        (Release::V2, ["OUT-001", "OUT-005"]),
    ] {
        let shop = Shop::alone(release);
        assert_eq!(
            shop.all("/product?category=outdoor&q=te&limit=1", "sku"),
            found,
            "a headlamp for the tent, and the tent; none of the teas"
        );
    }
    assert_eq!(shop.all("/product?category=cheese", "name"), [""; 0]);
}

#[test]
fn a_search_needs_every_word_and_takes_the_last_as_a_beginning() {
    let shop = Shop::alone(Release::V1);
    let find = |q: &str| shop.all(&format!("/product?q={q}&limit=2"), "sku");
    assert_eq!(find("cast+iron"), ["KIT-004", "TEA-009"]);
    assert_eq!(find("IRON+T%C3%89apo"), ["TEA-009"]);
    assert_eq!(
        find("iro+teapot"),
        [""; 0],
        "only the last may be cut short"
    );
    assert_eq!(find("cast+sleeping"), [""; 0]);
    assert_eq!(find("nowhere+iron"), [""; 0]);
    assert_eq!(find("kit-004"), ["KIT-004"]);
    assert_eq!(find("atlas"), ["BOK-011"]);
    for release in [Release::V1, Release::V2] {
        let found = Shop::alone(release).all("/product?q=te&limit=3", "name");
        assert_eq!(
            sorted(found),
            sorted(shop.all("/product?q=te&limit=100", "name"))
        );
    }
}

#[test]
fn v1_orders_a_search_by_name_and_v2_a_hit_in_the_name_over_one_in_the_text() {
    let (v1, v2) = (Shop::alone(Release::V1), Shop::alone(Release::V2));
    let found = |shop: &Shop, q: &str| shop.all(&format!("/product?q={q}&limit=1"), "sku");
    // The word is in the text of all of them and in the name of the last two.
    assert_eq!(
        found(&v1, "espresso"),
        ["COF-008", "COF-004"],
        "hand grinder, house espresso"
    );
    assert_eq!(found(&v2, "espresso"), ["COF-004", "COF-008"]);
    let both = found(&v2, "oak");
    assert_eq!(both.first().unwrap(), "KIT-003", "Cutting board, oak");
    assert_eq!(sorted(both), sorted(found(&v1, "oak")));
    // Two words: both in the name, then the rarer one, then the rest.
    assert_eq!(found(&v2, "steel+bu")[..1], ["COF-008"]);
    assert_eq!(
        sorted(found(&v2, "tea+l")),
        sorted(found(&v1, "tea+l")),
        "the order differs, never what is found"
    );
}

#[test]
fn a_page_token_serves_only_the_list_that_gave_it() {
    let (v1, v2) = (Shop::alone(Release::V1), Shop::alone(Release::V2));
    let token = |shop: &Shop, uri: &str| {
        let (_, page) = shop.get(uri);
        page["next_page_token"].as_str().unwrap().to_owned()
    };
    let lists = [
        "/product?limit=1",
        "/product?limit=1&category=tea",
        "/product?limit=1&category=coffee",
        "/product?limit=1&q=tea",
        "/product?limit=1&q=te",
        "/product?limit=1&q=tea&category=tea",
    ];
    for from in lists {
        let token = token(&v1, from);
        for to in lists {
            let (status, answer) = v1.get(&format!("{to}&page_token={token}"));
            assert_eq!(status, if from == to { 200 } else { 400 }, "{from} {to}");
            if from != to {
                assert_eq!(answer["code"], "bad_page_token");
            }
        }
        // Browsing is in the same order in both releases, searching is not.
        let (status, _) = v2.get(&format!("{from}&page_token={token}"));
        assert_eq!(
            status,
            if from.contains("q=") { 400 } else { 200 },
            "{from}"
        );
    }
    for bad in ["x", "", "eyJsaXN0IjoiYWxsIiwiYXQiOm51bGx9", "e30"] {
        assert_eq!(
            v1.get(&format!("/product?page_token={bad}")).0,
            400,
            "{bad}"
        );
    }
}

#[test]
fn asks_for_skus_in_one_answer_and_leaves_out_what_it_does_not_know() {
    let shop = Shop::alone(Release::V1);
    assert_eq!(
        shop.all("/product?sku=TEA-002,COF-001,NO-1,TEA-002", "sku"),
        ["TEA-002", "COF-001"]
    );
    for bad in [
        "sku=",
        "sku=A,,B",
        "sku=A%20B",
        "sku=A&q=tea",
        "sku=A&limit=1",
        &format!("sku={}", ["A"; 101].join(",")),
    ] {
        let (status, problem) = shop.get(&format!("/product?{bad}"));
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("bad_sku")),
            "{bad}"
        );
    }
}

#[test]
fn bad_parameters_are_named() {
    let shop = Shop::alone(Release::V1);
    for (uri, status, word) in [
        ("/product?q=%21%3F", 400, "q: `!?`"),
        ("/product?limit=0", 400, "limit: `0`"),
        ("/product?sort=price", 400, "`sort`"),
        ("/product/NO-1", 404, "`NO-1`"),
        (
            "/product/019b76da-a800-71f9-9f94-ae97655f93b3",
            404,
            "019b76da",
        ),
        ("/product/COF-001?x=1", 400, "`x`"),
        ("/product/COF-001/reviews", 404, "nothing"),
    ] {
        let (got, problem) = shop.get(uri);
        assert_eq!(got, status, "{uri}: {problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{uri}: {problem}"
        );
    }
    let (status, _) = shop.send(Method::DELETE, "/product/COF-001", &[], &Value::Null);
    assert_eq!(status, 405);
}

const COFFEE: &str = "019b76da-a800-71f9-9f94-ae97655f93b2";

fn pim(call: &Call) -> Result<Reply, CallError> {
    assert_eq!(call.timeout, product::ports::PIM_TIMEOUT);
    match call.url.as_str() {
        "http://pim/pim/products/COF-001" => reply(
            200,
            json!({"sku": "COF-001", "description": "Richer.", "image": "/shop/images/x.svg"}),
        ),
        "http://pim/pim/products/COF-002" => reply(
            200,
            json!({"sku": "COF-002", "description": " ", "image": "javascript:alert(1)"}),
        ),
        _ => reply(404, json!({})),
    }
}

#[test]
fn the_pims_texts_replace_the_catalogues_and_are_kept_until_they_are_old() {
    let shop = Shop::new(Release::V1, pim);
    for path in ["COF-001", COFFEE] {
        let (status, product) = shop.get(&format!("/product/{path}"));
        assert_eq!((status, &product["product_id"]), (200, &json!(COFFEE)));
        assert_eq!(product["description"], "Richer.");
        assert_eq!(product["image"], "/shop/images/x.svg");
        assert!(product.get("available").is_none());
    }
    assert_eq!(
        shop.outbound.sent(),
        ["GET http://pim/pim/products/COF-001"]
    );
    shop.sql(
        "UPDATE product_pim SET fetched_at = fetched_at - $1",
        301_000,
    );
    shop.get("/product/COF-001");
    assert_eq!(shop.outbound.sent().len(), 2);
    for sku in ["COF-002", "COF-003"] {
        for _ in 0..2 {
            let (_, product) = shop.get(&format!("/product/{sku}"));
            let image = format!("/shop/images/{}.svg", sku.to_lowercase());
            assert_eq!(product["image"], image);
            assert_ne!(product["description"], " ");
        }
    }
    assert_eq!(shop.outbound.sent().len(), 4);
}

#[test]
fn without_the_pim_products_are_shown_as_before_and_it_is_asked_once_in_a_while() {
    for broken in [
        || Err(CallError::Lost("300 ms are over".into())),
        || Err(CallError::NotSent("refused".into())),
        || reply(500, json!({})),
        || reply(200, json!([1])),
    ] {
        let shop = Shop::new(Release::V1, move |_| broken());
        for sku in ["COF-001", "COF-001", "COF-002"] {
            let (status, product) = shop.get(&format!("/product/{sku}"));
            assert_eq!((status, &product["sku"]), (200, &json!(sku)));
            assert!(product["description"].as_str().unwrap().len() > 10);
        }
        assert_eq!(shop.outbound.sent().len(), 1);
        shop.sql("UPDATE product_pim_pause SET until = until - $1", PAUSE);
        shop.get("/product/COF-001");
        assert_eq!(shop.outbound.sent().len(), 2);
    }
    // What it said before outlives it.
    let shop = Shop::new(Release::V1, pim);
    shop.get("/product/COF-001");
    shop.sql(
        "UPDATE product_pim SET fetched_at = fetched_at - $1",
        301_000,
    );
    let shop = Shop {
        outbound: Arc::new(FakeOutbound::none()),
        ..shop
    };
    assert_eq!(shop.get("/product/COF-001").1["description"], "Richer.");
}

#[test]
fn v2_says_what_is_available_in_one_call_and_null_when_inventory_is_down() {
    let stocked = |call: &Call| match call.url.strip_prefix("http://inventory/items?sku=") {
        Some(skus) => reply(
            200,
            json!({"items": skus.split(',').filter(|s| *s != "TEA-002")
                .map(|sku| json!({"sku": sku, "on_hand": 9, "reserved": 2, "available": 7})).collect::<Vec<_>>(),
                "next_page_token": null}),
        ),
        None => reply(404, json!({})),
    };
    let shop = Shop::new(Release::V2, stocked);
    let (_, page) = shop.get("/product?sku=COF-001,TEA-002");
    assert_eq!(page["items"][0]["available"], 7);
    assert_eq!(page["items"][1]["available"], 0, "not stocked at all");
    assert_eq!(
        shop.outbound.sent(),
        ["GET http://inventory/items?sku=COF-001,TEA-002"]
    );
    assert_eq!(shop.get("/product/COF-001").1["available"], 7);
    assert_eq!(shop.get("/product?q=xyzzy").1["items"], json!([]));
    assert_eq!(
        shop.outbound.sent().len(),
        3,
        "nothing found, nothing asked"
    );

    let shop = Shop::alone(Release::V2);
    let (status, product) = shop.get("/product/COF-001");
    assert_eq!(status, 200);
    assert_eq!(product.get("available"), Some(&Value::Null));
    assert_eq!(
        shop.get("/product?limit=1").1["items"][0].get("available"),
        Some(&Value::Null)
    );
}

struct Till {
    shop: Shop,
    token: String,
}

impl Till {
    fn new(order: fn() -> Result<Reply, CallError>) -> Self {
        let issuer = Issuer::new("k1", 1);
        let jwks = issuer.jwks();
        let shop = Shop::new(Release::V2, move |call| match call.url.as_str() {
            "http://user/user/jwks" => reply(200, jwks.clone()),
            "http://order/order" => order(),
            other => panic!("{other}"),
        });
        let token = format!("Bearer {}", issuer.token(Uuid::from_u128(7), 60));
        Self { shop, token }
    }

    fn buy(&self, path: &str, body: &Value) -> (u16, Response) {
        let headers = [
            ("authorization", self.token.as_str()),
            ("idempotency-key", "key-1"),
            ("x-shop-version", "v2"),
        ];
        self.shop.send(Method::POST, path, &headers, body)
    }

    fn orders(&self) -> Vec<Call> {
        let calls = self.shop.outbound.calls();
        calls
            .into_iter()
            .filter(|c| c.method == Method::POST)
            .collect()
    }
}

fn purchase() -> Value {
    json!({"quantity": 2, "shipping_address": {"name": "Ann"}, "payment": {"method": "card", "card_token": "tok_visa"}})
}

#[test]
fn buying_passes_the_order_on_and_its_answer_back() {
    let till = Till::new(|| {
        let mut answer = reply(503, json!({"code": "unavailable"}))?;
        for (name, value) in [
            ("retry-after", "3"),
            ("content-type", "application/problem+json"),
            ("set-cookie", "no=1"),
        ] {
            answer.headers.insert(name, value.parse().unwrap());
        }
        Ok(answer)
    });
    let (status, response) = till.buy(&format!("/product/{COFFEE}/buy"), &purchase());
    assert_eq!(status, 503);
    assert_eq!(response.headers()["retry-after"], "3");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert!(!response.headers().contains_key("set-cookie"));
    assert_eq!(response.body(), br#"{"code":"unavailable"}"#);

    let call = &till.orders()[0];
    assert_eq!(call.headers["authorization"], till.token.as_str());
    assert_eq!(call.headers["idempotency-key"], "key-1");
    assert_eq!(call.headers["x-shop-version"], "v2");
    assert_eq!(
        serde_json::from_slice::<Value>(&call.body).unwrap(),
        json!({"items": [{"sku": "COF-001", "quantity": 2}], "shipping_address": {"name": "Ann"},
            "payment": {"method": "card", "card_token": "tok_visa"}})
    );
}

#[test]
fn an_order_without_an_answer_is_503_with_retry_after() {
    let till = Till::new(|| Err(CallError::Lost("reset".into())));
    let (status, response) = till.buy("/product/COF-001/buy", &purchase());
    assert_eq!(status, 503);
    assert!(response.headers().contains_key("retry-after"));
}

#[test]
fn what_cannot_be_bought_never_reaches_order() {
    let till = Till::new(|| panic!("order was asked"));
    let with = |name: &str, value: Value| {
        let mut body = purchase();
        body[name] = value;
        body
    };
    for (body, expected) in [
        (with("quantity", json!(0)), 422),
        (with("quantity", json!(-1)), 422),
        (with("quantity", json!(100)), 422),
        (with("quantity", json!(4_294_967_296_u64)), 422),
        (with("quantity", json!("2")), 422),
        (with("coupon", json!("x")), 422),
        (json!({"quantity": 1}), 422),
    ] {
        assert_eq!(
            till.buy("/product/COF-001/buy", &body).0,
            expected,
            "{body}"
        );
    }
    assert_eq!(till.buy("/product/NO-1/buy", &purchase()).0, 404);

    let send = |headers: &[(&str, &str)]| {
        till.shop
            .send(Method::POST, "/product/COF-001/buy", headers, &purchase())
            .0
    };
    assert_eq!(send(&[("authorization", &till.token)]), 400);
    assert_eq!(send(&[("idempotency-key", "k")]), 401);
    let forged = format!(
        "Bearer {}",
        Issuer::new("k1", 2).token(Uuid::from_u128(7), 60)
    );
    assert_eq!(
        send(&[("idempotency-key", "k"), ("authorization", &forged)]),
        401
    );
    assert_eq!(till.orders().len(), 0);
}
