//! A whole shop in one process: the real inventory, payment, shipping and third parties behind their routes; product, cart
//! and an inbox in memory. The network between order and all of them fails as the test configures.
//!
//! It is one file, because every part of it is a view of the same shop.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::Method;
use order::app::App;
use order::config::Config;
use order::store::SCHEMA;
use serde_json::{Value, json};
use shop_pricing::testing::Rules;
use stoa_service::outbound::{Call, Reply};
use stoa_service::sql::{Database, Rows, SqlError};
use stoa_service::testing::{Connection, Issuer, TestDatabase, request};
use stoa_service::{Service, time};
use uuid::Uuid;

use crate::net::{Dead, Fault, Faults, Net};

/// The shop.
pub(crate) struct World {
    pub(crate) order: TestDatabase,
    pub(crate) inventory: TestDatabase,
    pub(crate) payment: TestDatabase,
    pub(crate) partners: TestDatabase,
    pub(crate) shipping: TestDatabase,
    pub(crate) carts: Mutex<BTreeMap<String, Cart>>,
    pub(crate) events: Mutex<BTreeMap<String, Value>>,
    pub(crate) issuer: Issuer,
    /// Response body of `GET /user/me`.
    pub(crate) profile: Mutex<Value>,
    pub(crate) skew: AtomicI64,
    pub(crate) faults: Mutex<Arc<Faults>>,
    pub(crate) calls: Mutex<Vec<String>>,
    /// Statements of order until it dies.
    pub(crate) statements_left: AtomicUsize,
    /// Statements of order, and its write transactions; each of these costs a flush to the disk.
    pub(crate) statements: AtomicUsize,
    pub(crate) writes: AtomicUsize,
}

/// A cart, as order sees it in the service cart.
#[derive(Default)]
pub(crate) struct Cart {
    pub(crate) version: i64,
    pub(crate) lines: Vec<Value>,
    taken_by: Option<String>,
}

impl Cart {
    fn put(&mut self, sku: &str, quantity: u64) {
        self.version += 1;
        self.lines.retain(|line| line["sku"] != sku);
        self.lines.push(json!({"sku": sku, "quantity": quantity, "name": sku, "unit_price": null, "line_total": null}));
    }

    /// `DELETE /internal/carts/{user_id}` with a query. It ignores the version, since no test removes an item meanwhile.
    pub(crate) fn take_ordered(&mut self, query: &str) {
        let parameter = |name: &str| {
            let of = |pair: &str| {
                pair.strip_prefix(name)?
                    .strip_prefix('=')
                    .map(str::to_owned)
            };
            query.split('&').find_map(of).unwrap()
        };
        let order_id = Some(parameter("order_id"));
        if self.taken_by == order_id {
            return;
        }
        for line in parameter("ordered").split(',') {
            let (sku, ordered) = line.split_once(':').unwrap();
            let ordered: u64 = ordered.parse().unwrap();
            let held = self.lines.iter().find(|line| line["sku"] == *sku);
            let held = held.map_or(0, |line| line["quantity"].as_u64().unwrap());
            self.lines.retain(|line| line["sku"] != *sku);
            if held > ordered {
                self.put(sku, held - ordered);
            }
        }
        self.version += 1;
        self.taken_by = order_id;
    }
}

struct Dying {
    world: Arc<World>,
    db: Connection,
    in_transaction: Cell<bool>,
}

impl Dying {
    /// Counts one statement; order dies if no statement is left.
    fn live(&self) {
        self.world.statements.fetch_add(1, Ordering::SeqCst);
        let left = &self.world.statements_left;
        let alive = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            usize::MAX => Some(left),
            left => left.checked_sub(1),
        });
        if alive.is_err() {
            left.store(usize::MAX, Ordering::SeqCst);
            resume_unwind(Box::new(Dead));
        }
    }
}

impl Database for Dying {
    fn execute<'s>(
        &self,
        statement: &'s str,
        params: &[stoa_service::sql::Value],
    ) -> Result<Rows<'s>, SqlError> {
        self.live();
        if matches!(statement, "COMMIT" | "ROLLBACK") {
            self.in_transaction.set(false);
        } else if !self.in_transaction.get() && !statement.starts_with("SELECT") {
            self.world.writes.fetch_add(1, Ordering::SeqCst);
        }
        self.db.execute(statement, params)
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        self.live();
        self.world.writes.fetch_add(1, Ordering::SeqCst);
        self.in_transaction.set(true);
        self.db.begin(subject)
    }
}

/// Signing takes longer than a whole order, so all worlds share the tokens.
fn token(user: Uuid) -> String {
    static KNOWN: Mutex<BTreeMap<Uuid, String>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let sign = || Issuer::new("k1", 1).token(user, 3600);
    known.entry(user).or_insert_with(sign).clone()
}

/// Ann; other users have other numbers.
pub(crate) fn ann() -> Uuid {
    Uuid::from_u128(1)
}

pub(crate) fn body(sku: &str, quantity: u32) -> Value {
    body_with(
        "tok_visa",
        "AT",
        json!([{"sku": sku, "quantity": quantity}]),
    )
}

pub(crate) fn body_with(token: &str, country: &str, items: Value) -> Value {
    json!({
        "shipping_address": {"name": "Ann", "street": "Main 1", "city": "Graz", "postal_code": "8010", "country": country},
        "payment": {"method": "card", "card_token": token},
        "items": items,
    })
}

pub(crate) fn declined() -> Value {
    body_with("tok_declined", "AT", json!([{"sku": "A", "quantity": 2}]))
}

impl World {
    /// A shop with ten of the SKU `A` and none of `B`.
    pub(crate) fn new() -> Arc<Self> {
        let world = Arc::new(Self {
            order: TestDatabase::new(),
            inventory: TestDatabase::new(),
            payment: TestDatabase::new(),
            partners: TestDatabase::new(),
            shipping: TestDatabase::new(),
            carts: Mutex::default(),
            events: Mutex::default(),
            issuer: Issuer::new("k1", 1),
            profile: Mutex::new(json!({"email": "ann@example.com", "name": "Ann", "phone": null})),
            skew: AtomicI64::new(0),
            faults: Mutex::new(Arc::new(|_, _| Fault::None)),
            calls: Mutex::default(),
            statements_left: AtomicUsize::new(usize::MAX),
            statements: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
        });
        SCHEMA.ensure(&world.order.connect()).unwrap();
        inventory::store::SCHEMA
            .ensure(&world.inventory.connect())
            .unwrap();
        payment::store::SCHEMA
            .ensure(&world.payment.connect())
            .unwrap();
        shipping::store::SCHEMA
            .ensure(&world.shipping.connect())
            .unwrap();
        partners::store::SCHEMA
            .ensure(&world.partners.connect())
            .unwrap();
        world.stock("A", 10);
        world
    }

    pub(crate) fn stock(&self, sku: &str, on_hand: u32) {
        let db = self.inventory.connect();
        let expected = match inventory::store::items::find(&db, sku) {
            Ok(_) => inventory::domain::Basis::Any,
            Err(_) => inventory::domain::Basis::NotStocked,
        };
        inventory::store::items::set_on_hand(&db, &sku.parse().unwrap(), on_hand, &expected)
            .unwrap();
    }

    /// Nothing is left of `sku`.
    pub(crate) fn empty_shelf(&self, sku: &str) {
        inventory::store::reservations::sweep(&self.inventory.connect(), time::now()).unwrap();
        self.stock(sku, 0);
    }

    /// From now on `faults` decides about each call of order, from the call and the number of calls before it.
    pub(crate) fn faults(&self, faults: impl Fn(&Call, usize) -> Fault + Send + Sync + 'static) {
        *self.faults.lock().unwrap() = Arc::new(faults);
        self.calls.lock().unwrap().clear();
    }

    pub(crate) fn calm(&self) {
        self.faults(|_, _| Fault::None);
        self.statements_left.store(usize::MAX, Ordering::SeqCst);
    }

    /// Order dies before its statement number `n`, counted from 0.
    pub(crate) fn die_before_statement(&self, n: usize) {
        self.statements_left.store(n, Ordering::SeqCst);
    }

    /// Whether order has died at that statement.
    pub(crate) fn has_died(&self) -> bool {
        self.statements_left.load(Ordering::SeqCst) == usize::MAX
    }

    /// Number of statements, and of write transactions, that order runs in `work`.
    pub(crate) fn costs(&self, work: impl FnOnce()) -> (usize, usize) {
        self.statements.store(0, Ordering::SeqCst);
        self.writes.store(0, Ordering::SeqCst);
        work();
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.statements), read(&self.writes))
    }

    /// Calls of order, as `METHOD path` without ids; requests for the tokens' keys are omitted.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// Advances order's clock by `seconds`.
    pub(crate) fn later(&self, seconds: i64) {
        self.skew.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// One request to order, including the work after the response. `None`: order died.
    pub(crate) fn try_call(
        self: &Arc<Self>,
        user: Uuid,
        method: Method,
        uri: &str,
        key: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let skew = self.clone();
            let app = App {
                config: Config::read(&|name| {
                    name.ends_with("_url")
                        .then(|| format!("http://{}", name.trim_end_matches("_url")))
                })
                .unwrap(),
                db: Box::new(Dying {
                    world: self.clone(),
                    db: self.order.connect(),
                    in_transaction: Cell::new(false),
                }),
                outbound: Box::new(Net {
                    world: self.clone(),
                    from_order: true,
                }),
                prices: Box::new(Rules),
                clock: Box::new(move || time::now() + skew.skew.load(Ordering::SeqCst)),
                fail: Box::new(|_| {}),
                outbox_dirty: Cell::new(false),
            };
            let bearer = format!("Bearer {}", token(user));
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
            let request = request(App::NAME, method, uri, &headers, &body.to_string());
            let context = request.context().clone();
            let response = app.answer(request);
            app.after_response(&context);
            let value = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
            (response.status().as_u16(), value)
        }));
        match outcome {
            Ok(answer) => Some(answer),
            Err(cause) if cause.is::<Dead>() => None,
            Err(cause) => resume_unwind(cause),
        }
    }

    pub(crate) fn call(self: &Arc<Self>, method: Method, uri: &str) -> (u16, Value) {
        self.try_call(ann(), method, uri, "", &Value::Null).unwrap()
    }

    /// Ann submits with the key `k`.
    pub(crate) fn submit(self: &Arc<Self>, body: &Value) -> (u16, Value) {
        self.try_call(ann(), Method::POST, "/order", "k", body)
            .unwrap()
    }

    pub(crate) fn recover(self: &Arc<Self>) -> Value {
        let (status, body) = self.call(Method::POST, "/internal/orders/recover");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Runs recovery until no order is pending, and advances the clock.
    pub(crate) fn recover_all(self: &Arc<Self>) {
        self.recover_within(5, "");
    }

    /// As [`World::recover_all`], within `passes` passes; a failure prints `context`.
    pub(crate) fn recover_within(self: &Arc<Self>, passes: usize, context: &str) {
        for _ in 0..passes {
            self.later(61);
            self.recover();
            let (_, page) = self.call(Method::GET, "/internal/orders?status=pending");
            if page["items"] == json!([]) {
                return;
            }
        }
        panic!("recovery does not end: {context} {}", self.orders());
    }

    pub(crate) fn orders(self: &Arc<Self>) -> Value {
        self.call(Method::GET, "/internal/orders").1["items"].clone()
    }

    /// Expires the claims of dead requests.
    pub(crate) fn expire_claims(&self) {
        let db = self.order.connect();
        db.execute("UPDATE order_idempotency SET claimed_until = 0", &[])
            .unwrap();
    }

    /// Expires every reservation.
    pub(crate) fn expire_reservations(&self) {
        let db = self.inventory.connect();
        db.execute("UPDATE inventory_reservations SET expires_at = 0", &[])
            .unwrap();
    }

    /// A partner's script, in the format of `PUT /script/{partner}`.
    pub(crate) fn script(self: &Arc<Self>, partner: &str, script: &Value) {
        let reply = self.ask(Method::PUT, &format!("/script/{partner}"), script);
        assert_eq!(reply.status, 200);
    }

    /// The carrier picks up every parcel, and reports it to shipping.
    pub(crate) fn pick_up(self: &Arc<Self>) {
        self.parcels_become("created", "picked_up");
    }

    /// The carrier moves every parcel with status `from`, and reports it to shipping.
    pub(crate) fn parcels_become(self: &Arc<Self>, from: &str, to: &str) {
        for parcel in shipping::store::shipments::list(&self.shipping.connect(), "", 100).unwrap() {
            let Some(number) = parcel
                .tracking_number
                .filter(|_| <&str>::from(parcel.status) == from)
            else {
                continue;
            };
            let path = format!("/carrier/shipments/{number}/advance");
            let reply = self.ask(Method::POST, &path, &json!({"status": to}));
            assert_eq!(reply.status, 200);
        }
    }

    /// Runs shipping's outbox pass, which cancels parcels at the carrier.
    pub(crate) fn tell_the_carrier(self: &Arc<Self>) {
        self.shipping
            .connect()
            .execute("UPDATE shipping_call_offs SET due_at = 0", &[])
            .unwrap();
        let pass = "/internal/shipments/outbox";
        let reply = self.call_to("shipping", Method::POST, pass, &json!({}));
        assert_eq!(reply.status, 200);
    }

    /// Status of each of the carrier's parcels.
    pub(crate) fn parcels(&self) -> Vec<String> {
        let db = self.partners.connect();
        let rows = db.execute("SELECT status FROM partners_parcels", &[]);
        rows.unwrap().map(|row| row.get(0)).unwrap()
    }

    /// A direct request of the test to the third parties.
    fn ask(self: &Arc<Self>, method: Method, path: &str, body: &Value) -> Reply {
        self.call_to("partners", method, path, body)
    }

    fn call_to(self: &Arc<Self>, service: &str, method: Method, path: &str, body: &Value) -> Reply {
        let call = Call {
            method,
            url: format!("http://{service}{path}"),
            headers: http::HeaderMap::new(),
            body: body.to_string().into_bytes(),
            timeout: std::time::Duration::from_secs(1),
        };
        Net::deliver(self, &call).unwrap()
    }

    pub(crate) fn put_into_cart(&self, user: Uuid, sku: &str, quantity: u32) {
        let mut carts = self.carts.lock().unwrap();
        let cart = carts.entry(user.to_string()).or_default();
        cart.put(sku, quantity.into());
    }

    pub(crate) fn cart_of(&self, user: Uuid) -> usize {
        let carts = self.carts.lock().unwrap();
        let cart = carts.get(&user.to_string());
        cart.map_or(0, |cart| cart.lines.len())
    }

    /// on_hand and reserved of a SKU.
    pub(crate) fn stock_of(&self, sku: &str) -> (i64, i64) {
        let item = inventory::store::items::find(&self.inventory.connect(), sku).unwrap();
        (item.on_hand, item.reserved)
    }

    /// Number of entries of each kind in the processor's ledger.
    pub(crate) fn ledger(&self) -> BTreeMap<String, usize> {
        let db = self.partners.connect();
        let rows = db
            .execute("SELECT kind, reference FROM partners_ledger", &[])
            .unwrap();
        let mut count = BTreeMap::new();
        for row in rows.iter() {
            *count.entry(row.get::<String>(0).unwrap()).or_default() += 1;
        }
        count
    }

    /// Events in the inbox, deduplicated by id.
    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events
            .values()
            .map(|e| e["type"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn event(&self) -> Value {
        let events = self.events.lock().unwrap();
        assert_eq!(events.len(), 1);
        events.values().next().unwrap().clone()
    }

    /// The invariant: every order is at one of its two ends, and stock, money, parcels and events agree with it. `each` is
    /// the quantity of `A` in each confirmed order; the shop started with ten.
    pub(crate) fn check(self: &Arc<Self>, each: i64) {
        let db = self.order.connect();
        let rows = db.execute("SELECT event_id FROM order_outbox", &[]);
        let (_, waiting) = self.call(Method::GET, "/internal/orders/outbox");
        assert_eq!(waiting["waiting"], rows.unwrap().len());
        // The operator's timer sends the events that ended orders left in the outbox.
        db.execute("UPDATE order_outbox SET due_at = 0", &[])
            .unwrap();
        self.call(Method::POST, "/internal/orders/outbox");
        let orders = self.orders();
        let orders = orders.as_array().unwrap();
        let count = |status: &str| orders.iter().filter(|o| o["status"] == status).count();
        let (confirmed, cancelled) = (count("confirmed"), count("cancelled"));
        assert_eq!(confirmed + cancelled, orders.len(), "{orders:?}");
        let sold = each * i64::try_from(confirmed).unwrap();
        assert_eq!(self.stock_of("A"), (10 - sold, 0), "{orders:?}");
        let ledger = self.ledger();
        let entries = |kind: &str| ledger.get(kind).copied().unwrap_or(0);
        assert_eq!(
            entries("capture") - entries("refund"),
            confirmed,
            "{ledger:?} {orders:?}"
        );
        for order in orders {
            let order_id = order["order_id"].as_str().unwrap().parse().unwrap();
            let parcel =
                shipping::store::shipments::of_order(&self.shipping.connect(), order_id).unwrap();
            let status = parcel.map(|p| <&str>::from(p.status));
            let fits = match order["status"].as_str().unwrap() {
                "confirmed" => matches!(status, Some("created" | "picked_up")),
                _ => matches!(status, None | Some("cancelled" | "refused" | "returned")),
            };
            assert!(fits, "{status:?} {order}");
            let told = self.events.lock().unwrap();
            let told: Vec<_> = told
                .values()
                .filter(|e| e["subject"] == order["order_id"])
                .map(|e| e["type"].as_str().unwrap())
                .collect();
            let last = format!("stoa.order.{}", order["status"].as_str().unwrap());
            assert!(told.contains(&last.as_str()), "{told:?} {order}");
            let mut once = told.clone();
            once.dedup();
            assert_eq!(once, told, "each event once");
        }
    }
}
