//! A shop of the tests: the interface of the real one in one process, with whatever a test wants to go wrong.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use stoa_load::{NoAnswer, Transport};
use uuid::Uuid;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fate {
    Answer,
    /// A problem document, and nothing is done.
    Problem(u16, &'static str),
    /// 503 about an order that was made and cancelled: its key is free again.
    Cancelled,
    /// It is done, and nobody hears of it.
    Lost,
}

/// A request, for those who decide what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) what: String,
    /// How many of the same kind came before.
    pub(crate) nth: usize,
    pub(crate) key: Option<String>,
}

type Decide = dyn Fn(&Seen) -> Fate + Send + Sync;
type Twist = dyn Fn(&Seen, &mut Value) + Send + Sync;
type Delay = dyn Fn(&Seen) -> Duration + Send + Sync;

/// The shop; clones are the same one.
#[derive(Clone)]
pub(crate) struct Shop(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    decide: Box<Decide>,
    twist: Box<Twist>,
    delay: Box<Delay>,
}

#[derive(Default)]
struct State {
    seen: HashMap<String, usize>,
    /// What came, in order.
    log: Vec<Seen>,
    users: HashMap<String, Uuid>,
    carts: HashMap<String, BTreeMap<String, u64>>,
    /// By token and key.
    answers: HashMap<(String, String), (u16, Value)>,
    orders: HashMap<String, Value>,
    inbox: HashMap<String, Vec<Value>>,
}

/// What may go wrong with a shop.
pub(crate) struct Build {
    pub(crate) decide: Box<Decide>,
    pub(crate) twist: Box<Twist>,
    pub(crate) delay: Box<Delay>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            decide: Box::new(|_| Fate::Answer),
            twist: Box::new(|_, _| {}),
            delay: Box::new(|_| Duration::from_millis(10)),
        }
    }
}

impl Build {
    pub(crate) fn shop(self) -> Shop {
        Shop(Arc::new(Inner {
            state: Mutex::default(),
            decide: self.decide,
            twist: self.twist,
            delay: self.delay,
        }))
    }
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

impl Shop {
    /// What came, in order.
    pub(crate) fn log(&self) -> Vec<Seen> {
        self.0.state.lock().unwrap().log.clone()
    }

    /// How many of these came.
    pub(crate) fn count(&self, what: &str) -> u64 {
        self.log().iter().filter(|seen| seen.what == what).count() as u64
    }

    /// The confirmed orders: the shop's own opinion.
    pub(crate) fn confirmed(&self) -> Vec<Value> {
        let state = self.0.state.lock().unwrap();
        let confirmed = state.orders.values().filter(|o| o["status"] == "confirmed");
        confirmed.cloned().collect()
    }

    /// The answer to a request, after its time.
    pub(crate) async fn answer(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let (seen, fate) = self.look(&request);
        tokio::time::sleep((self.0.delay)(&seen)).await;
        let (status, mut body) = match fate {
            Fate::Problem(status, code) => problem(status, code, None),
            Fate::Cancelled => self.0.state.lock().unwrap().cancelled(),
            Fate::Answer | Fate::Lost => self.0.state.lock().unwrap().work(&request),
        };
        if fate == Fate::Lost {
            return Err(NoAnswer::Reset("lost".to_owned()));
        }
        if status < 300 {
            (self.0.twist)(&seen, &mut body);
        }
        let body = match status {
            204 => Bytes::new(),
            _ => body.to_string().into(),
        };
        let response = Response::builder()
            .status(status)
            .header("x-request-id", format!("r-{}", seen.nth))
            .header("x-shop-version", "v1")
            .header("set-cookie", "shop-session=42; Path=/; HttpOnly")
            .body(body);
        Ok(response.unwrap())
    }

    fn look(&self, request: &Request<Bytes>) -> (Seen, Fate) {
        let path = request.uri().path();
        let first = path.split('/').nth(1).unwrap();
        let deeper = if path.matches('/').count() > 1 {
            "/.."
        } else {
            ""
        };
        let what = match path {
            "/user/register" | "/user/login" => path.to_owned(),
            _ => format!("{} /{first}{deeper}", request.method()),
        };
        let mut state = self.0.state.lock().unwrap();
        let nth = state.seen.entry(what.clone()).or_default();
        let key = request.headers().get("idempotency-key");
        let seen = Seen {
            what,
            nth: *nth,
            key: key.map(|key| key.to_str().unwrap().to_owned()),
        };
        *nth += 1;
        state.log.push(seen.clone());
        drop(state);
        let fate = (self.0.decide)(&seen);
        (seen, fate)
    }
}

impl Transport for Shop {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        self.answer(request).await
    }
}

fn problem(status: u16, code: &str, order_id: Option<Uuid>) -> (u16, Value) {
    let mut problem = json!({"type": "about:blank", "title": "", "status": status, "detail": "", "instance": "/",
        "code": code, "request_id": "r"});
    if let Some(order_id) = order_id {
        problem["order_id"] = json!(order_id);
    }
    (status, problem)
}

impl State {
    fn work(&mut self, request: &Request<Bytes>) -> (u16, Value) {
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

    fn cancelled(&mut self) -> (u16, Value) {
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
