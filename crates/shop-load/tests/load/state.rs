//! The state of the simulated shop, and its responses to requests that it handles without a failure.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use uuid::Uuid;

/// The shop's accounts, carts, orders and messages.
#[derive(Default)]
pub(crate) struct State {
    users: HashMap<String, Uuid>,
    carts: HashMap<String, BTreeMap<String, u64>>,
    /// Responses to orders, by token and `Idempotency-Key`.
    answers: HashMap<(String, String), (u16, Value)>,
    pub(crate) orders: HashMap<String, Value>,
    inbox: HashMap<String, Vec<Value>>,
}

fn money(amount: u64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

static PRODUCTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let words = ["coffee", "sencha", "kettle", "grinder"];
    (0..30usize)
        .map(|n| {
            let id = Uuid::from_u128(0x019b_76da_a800_7000_8000_0000_0000_0000 + n as u128);
            let price = if n == 29 { Value::Null } else { money(100 + 7 * n as u64) };
            json!({"product_id": id, "sku": format!("SKU-{n:03}"), "name": format!("{} no. {n}", words[n % 4]),
                "description": "", "category": words[n % 4], "image": "/x.svg", "price": price})
        })
        .collect()
});

fn product(member: &str, value: &str) -> &'static Value {
    PRODUCTS.iter().find(|p| p[member] == value).unwrap()
}

/// A problem document.
pub(crate) fn problem(status: u16, code: &str, order_id: Option<Uuid>) -> (u16, Value) {
    let mut problem = json!({"type": "about:blank", "title": "", "status": status, "detail": "", "instance": "/",
        "code": code, "request_id": "r"});
    if let Some(order_id) = order_id {
        problem["order_id"] = json!(order_id);
    }
    (status, problem)
}

impl State {
    /// Handles a request. Returns the status and the body of the response.
    pub(crate) fn handle(&mut self, request: &Request<Bytes>) -> (u16, Value) {
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        let token = request.headers().get("authorization");
        let token = token.map_or("", |t| t.to_str().unwrap()).to_owned();
        match (request.method(), path.as_slice()) {
            (&Method::GET, ["product"]) => (200, list(request.uri().query().unwrap_or(""))),
            (&Method::GET, ["product", id]) => (200, product("product_id", id).clone()),
            (&Method::POST, ["user", "register"]) => {
                let (email, id) = (body["email"].as_str().unwrap(), Uuid::now_v7());
                self.users.insert(email.to_owned(), id);
                (
                    201,
                    json!({"user_id": id, "email": email, "name": "", "phone": null, "created_at": ""}),
                )
            }
            (&Method::POST, ["user", "login"]) => {
                let id = self.users[body["email"].as_str().unwrap()];
                (
                    200,
                    json!({"access_token": id, "token_type": "Bearer", "expires_in": 3600}),
                )
            }
            _ if token.is_empty() && path[0] != "shipping" => problem(401, "unauthorized", None),
            (&Method::PUT, ["cart", "items", sku]) => {
                let quantity = body["quantity"].as_u64().unwrap();
                self.carts
                    .entry(token)
                    .or_default()
                    .insert((*sku).to_owned(), quantity);
                (200, line(sku, quantity))
            }
            (&Method::GET, ["cart"]) => {
                let (items, total) = self.cart(&token);
                (
                    200,
                    json!({"items": items, "total": money(total), "unpriced": []}),
                )
            }
            (&Method::DELETE, ["cart"]) => {
                self.carts.remove(&token);
                (204, Value::Null)
            }
            (&Method::POST, ["order"]) => {
                let key = request.headers()["idempotency-key"]
                    .to_str()
                    .unwrap()
                    .to_owned();
                if let Some(answer) = self.answers.get(&(token.clone(), key.clone())) {
                    return answer.clone();
                }
                let order = self.order(&token);
                self.answers.insert((token, key), (201, order.clone()));
                (201, order)
            }
            (&Method::GET, ["order", id]) => (200, self.orders[*id].clone()),
            (&Method::GET, ["shipping", number]) => (
                200,
                json!({"tracking_number": number, "status": "created", "events": []}),
            ),
            (&Method::GET, ["notification"]) => {
                let items = self.inbox.get(&token).cloned().unwrap_or_default();
                (200, json!({"items": items, "next_page_token": null}))
            }
            _ => problem(404, "not_found", None),
        }
    }

    fn cart(&self, token: &str) -> (Vec<Value>, u64) {
        let cart = self.carts.get(token).cloned().unwrap_or_default();
        let items: Vec<Value> = cart.iter().map(|(sku, n)| line(sku, *n)).collect();
        let total = items
            .iter()
            .map(|i| i["line_total"]["amount"].as_u64().unwrap())
            .sum();
        (items, total)
    }

    /// Adds a cancelled order without a key. Returns the 503 response with the order's id.
    pub(crate) fn create_cancelled_order(&mut self) -> (u16, Value) {
        let id = Uuid::now_v7();
        let order = json!({"order_id": id, "status": "cancelled", "items": [], "total": money(0), "payment": null,
            "shipment": null, "timeline": [], "created_at": "2026-11-21T14:05:09Z"});
        self.orders.insert(id.to_string(), order);
        problem(503, "unavailable", Some(id))
    }

    fn order(&mut self, token: &str) -> Value {
        let (items, total) = self.cart(token);
        self.carts.remove(token);
        let id = Uuid::now_v7();
        let order = json!({"order_id": id, "status": "confirmed", "items": items, "total": money(total),
            "payment": {"payment_id": Uuid::now_v7(), "status": "captured", "method": "card"},
            "shipment": {"shipment_id": Uuid::now_v7(), "tracking_number": "PX-1", "status": "created"},
            "timeline": [{"step": "confirmed", "status": "done", "at": "2026-11-21T14:05:09Z"}],
            "created_at": "2026-11-21T14:05:09Z"});
        self.orders.insert(id.to_string(), order.clone());
        self.inbox
            .entry(token.to_owned())
            .or_default()
            .push(json!({"notification_id": Uuid::now_v7(), "title": "Thanks", "order_id": id}));
        order
    }
}

fn line(sku: &str, quantity: u64) -> Value {
    let product = product("sku", sku);
    let unit = product["price"]["amount"].as_u64().unwrap();
    json!({"sku": sku, "name": product["name"], "quantity": quantity, "unit_price": money(unit),
        "line_total": money(unit * quantity)})
}

fn list(query: &str) -> Value {
    let get = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value.to_owned())
    };
    let limit: usize = get("limit").unwrap().parse().unwrap();
    let from: usize = get("page_token").map_or(0, |token| token.parse().unwrap());
    let all: Vec<&Value> = PRODUCTS
        .iter()
        .filter(|p| get("q").is_none_or(|q| p["name"].as_str().unwrap().contains(&q)))
        .collect();
    let next = (from + limit < all.len()).then(|| (from + limit).to_string());
    let items: Vec<&Value> = all.into_iter().skip(from).take(limit).collect();
    json!({"items": items, "next_page_token": next})
}
