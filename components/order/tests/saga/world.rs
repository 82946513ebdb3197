//! A whole shop in one process. The services `inventory`, `payment`, `shipping` and `partners` are real; the services `product` and
//! `cart` and an inbox for events are simulated in memory. The network between `order` and the other services is simulated too, and
//! fails as the test configures.
//!
//! The shop is one file, because its parts share the same state.

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

/// The whole shop with its databases, and the failures that the test configures.
pub(crate) struct World {
    pub(crate) order: TestDatabase,
    pub(crate) inventory: TestDatabase,
    pub(crate) payment: TestDatabase,
    pub(crate) partners: TestDatabase,
    pub(crate) shipping: TestDatabase,
    pub(crate) carts: Mutex<BTreeMap<String, Cart>>,
    pub(crate) events: Mutex<BTreeMap<String, Value>>,
    pub(crate) issuer: Issuer,
    /// The body of the response to `GET /user/me`.
    pub(crate) profile: Mutex<Value>,
    pub(crate) clock_skew: AtomicI64,
    pub(crate) faults: Mutex<Arc<Faults>>,
    pub(crate) calls: Mutex<Vec<String>>,
    /// The number of statements that the service `order` may still run before it dies; `usize::MAX` means no limit.
    pub(crate) statements_left: AtomicUsize,
    /// The number of statements that the service `order` ran.
    pub(crate) statements: AtomicUsize,
    /// The number of write transactions of the service `order`. Each write transaction costs a flush to the disk.
    pub(crate) writes: AtomicUsize,
}

/// A simulated cart of the service `cart`.
#[derive(Default)]
pub(crate) struct Cart {
    pub(crate) version: i64,
    pub(crate) lines: Vec<Value>,
    cleared_by: Option<String>,
}

impl Cart {
    fn put(&mut self, sku: &str, quantity: u64) {
        self.version += 1;
        self.lines.retain(|line| line["sku"] != sku);
        self.lines.push(json!({"sku": sku, "quantity": quantity, "name": sku, "unit_price": null, "line_total": null}));
    }

    /// Handles `DELETE /internal/carts/{user_id}` with `query`. The version in the query is ignored, because in these tests no
    /// customer removes items from the cart during an order.
    pub(crate) fn remove_ordered(&mut self, query: &str) {
        let parameter = |name: &str| {
            let of = |pair: &str| {
                pair.strip_prefix(name)?
                    .strip_prefix('=')
                    .map(str::to_owned)
            };
            query.split('&').find_map(of).unwrap()
        };
        let order_id = Some(parameter("order_id"));
        if self.cleared_by == order_id {
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
        self.cleared_by = order_id;
    }
}

struct DyingDatabase {
    world: Arc<World>,
    db: Connection,
    in_transaction: Cell<bool>,
}

impl DyingDatabase {
    /// Counts one statement. The service `order` dies here if it has already run as many statements as
    /// [`World::die_before_statement`] allows.
    fn count_statement(&self) {
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

impl Database for DyingDatabase {
    fn execute<'s>(
        &self,
        statement: &'s str,
        params: &[stoa_service::sql::Value],
    ) -> Result<Rows<'s>, SqlError> {
        self.count_statement();
        if matches!(statement, "COMMIT" | "ROLLBACK") {
            self.in_transaction.set(false);
        } else if !self.in_transaction.get() && !statement.starts_with("SELECT") {
            self.world.writes.fetch_add(1, Ordering::SeqCst);
        }
        self.db.execute(statement, params)
    }

    fn begin(&self, subject: &str) -> Result<(), SqlError> {
        self.count_statement();
        self.world.writes.fetch_add(1, Ordering::SeqCst);
        self.in_transaction.set(true);
        self.db.begin(subject)
    }
}

/// A token for `user`. All test shops share the tokens, because signing a token takes longer than a whole order.
fn token(user: Uuid) -> String {
    static KNOWN: Mutex<BTreeMap<Uuid, String>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let sign = || Issuer::new("k1", 1).token(user, 3600);
    known.entry(user).or_insert_with(sign).clone()
}

/// The user id of Ann, the customer in most tests. The ids of other customers are made from other numbers.
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
    /// A shop that has ten units of the SKU `A` and no units of `B` in stock.
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
            clock_skew: AtomicI64::new(0),
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
            Ok(_) => inventory::domain::ExpectedCount::Any,
            Err(_) => inventory::domain::ExpectedCount::NotStocked,
        };
        inventory::store::items::set_on_hand(&db, &sku.parse().unwrap(), on_hand, &expected)
            .unwrap();
    }

    /// First releases expired reservations, and then sets the stock of `sku` to 0.
    pub(crate) fn remove_stock(&self, sku: &str) {
        inventory::store::reservations::sweep(&self.inventory.connect(), time::now()).unwrap();
        self.stock(sku, 0);
    }

    /// Configures the faults of the network. For each further call that the service `order` makes, `faults` gets the call and the
    /// number of calls before it, and returns the call's fault.
    pub(crate) fn faults(&self, faults: impl Fn(&Call, usize) -> Fault + Send + Sync + 'static) {
        *self.faults.lock().unwrap() = Arc::new(faults);
        self.calls.lock().unwrap().clear();
    }

    pub(crate) fn remove_faults(&self) {
        self.faults(|_, _| Fault::None);
        self.statements_left.store(usize::MAX, Ordering::SeqCst);
    }

    /// Makes the service `order` die before its statement number `n`, counted from 0.
    pub(crate) fn die_before_statement(&self, n: usize) {
        self.statements_left.store(n, Ordering::SeqCst);
    }

    /// True if the service `order` has died at the statement that [`Self::die_before_statement`] configured.
    pub(crate) fn has_died(&self) -> bool {
        self.statements_left.load(Ordering::SeqCst) == usize::MAX
    }

    /// Returns the number of statements and the number of write transactions that the service `order` runs during `work`.
    pub(crate) fn count_statements(&self, work: impl FnOnce()) -> (usize, usize) {
        self.statements.store(0, Ordering::SeqCst);
        self.writes.store(0, Ordering::SeqCst);
        work();
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.statements), read(&self.writes))
    }

    /// The calls that the service `order` made, as `METHOD path`, with `*` for ids. Calls that read the keys for verifying tokens
    /// are omitted.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// Advances the clock of the service `order` by `seconds`.
    pub(crate) fn advance_clock(&self, seconds: i64) {
        self.clock_skew.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Sends one request to the service `order`, and runs the service's work after the response. Returns `None` if the service
    /// died.
    pub(crate) fn try_call(
        self: &Arc<Self>,
        user: Uuid,
        method: Method,
        uri: &str,
        key: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let world = self.clone();
            let app = App {
                config: Config::read(&|name| {
                    name.ends_with("_url")
                        .then(|| format!("http://{}", name.trim_end_matches("_url")))
                })
                .unwrap(),
                db: Box::new(DyingDatabase {
                    world: self.clone(),
                    db: self.order.connect(),
                    in_transaction: Cell::new(false),
                }),
                outbound: Box::new(Net {
                    world: self.clone(),
                    from_order: true,
                }),
                prices: Box::new(Rules),
                clock: Box::new(move || time::now() + world.clock_skew.load(Ordering::SeqCst)),
                on_fail_point: Box::new(|_| {}),
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

    /// Submits an order of Ann with the key `k`.
    pub(crate) fn submit(self: &Arc<Self>, body: &Value) -> (u16, Value) {
        self.try_call(ann(), Method::POST, "/order", "k", body)
            .unwrap()
    }

    pub(crate) fn recover(self: &Arc<Self>) -> Value {
        let (status, body) = self.call(Method::POST, "/internal/orders/recover");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Repeats these two actions until no order is pending: expire all leases, run recovery.
    pub(crate) fn recover_all(self: &Arc<Self>) {
        self.recover_within(5, "");
    }

    /// Repeats these two actions until no order is pending: expire all leases, run recovery. Panics with `context` if orders are
    /// still pending after `passes` repetitions.
    pub(crate) fn recover_within(self: &Arc<Self>, passes: usize, context: &str) {
        for _ in 0..passes {
            self.advance_clock(61);
            self.recover();
            let (_, page) = self.call(Method::GET, "/internal/orders?status=pending");
            if page["items"] == json!([]) {
                return;
            }
        }
        panic!(
            "orders are still pending after recovery: {context} {}",
            self.orders()
        );
    }

    pub(crate) fn orders(self: &Arc<Self>) -> Value {
        self.call(Method::GET, "/internal/orders").1["items"].clone()
    }

    /// Expires all claims on idempotency keys. A request that died may still hold such a claim.
    pub(crate) fn expire_claims(&self) {
        let db = self.order.connect();
        db.execute("UPDATE order_idempotency SET claimed_until = 0", &[])
            .unwrap();
    }

    /// Expires all reservations in `inventory`.
    pub(crate) fn expire_reservations(&self) {
        let db = self.inventory.connect();
        db.execute("UPDATE inventory_reservations SET expires_at = 0", &[])
            .unwrap();
    }

    /// Sets the script of a third party, in the format of `PUT /script/{partner}`.
    pub(crate) fn script(self: &Arc<Self>, partner: &str, script: &Value) {
        let reply = self.call_partners(Method::PUT, &format!("/script/{partner}"), script);
        assert_eq!(reply.status, 200);
    }

    /// Makes the carrier pick up all created parcels. The carrier reports each pick-up to `shipping`.
    pub(crate) fn pick_up(self: &Arc<Self>) {
        self.move_parcels("created", "picked_up");
    }

    /// Makes the carrier move all parcels from the status `from` to the status `to`. The carrier reports each new status to
    /// `shipping`.
    pub(crate) fn move_parcels(self: &Arc<Self>, from: &str, to: &str) {
        for parcel in shipping::store::shipments::list(&self.shipping.connect(), "", 100).unwrap() {
            let Some(number) = parcel
                .tracking_number
                .filter(|_| <&str>::from(parcel.status) == from)
            else {
                continue;
            };
            let path = format!("/carrier/shipments/{number}/advance");
            let reply = self.call_partners(Method::POST, &path, &json!({"status": to}));
            assert_eq!(reply.status, 200);
        }
    }

    /// Makes all call-offs in `shipping` due. Then runs the operation of `shipping` that sends the due call-offs to the carrier.
    pub(crate) fn cancel_parcels_at_carrier(self: &Arc<Self>) {
        self.shipping
            .connect()
            .execute("UPDATE shipping_call_offs SET due_at = 0", &[])
            .unwrap();
        let pass = "/internal/shipments/outbox";
        let reply = self.call_to("shipping", Method::POST, pass, &json!({}));
        assert_eq!(reply.status, 200);
    }

    /// The statuses of all parcels that the carrier has.
    pub(crate) fn parcels(&self) -> Vec<String> {
        let db = self.partners.connect();
        let rows = db.execute("SELECT status FROM partners_parcels", &[]);
        rows.unwrap().map(|row| row.get(0)).unwrap()
    }

    /// Sends a request directly to the service `partners`. The configured faults do not apply to this request.
    fn call_partners(self: &Arc<Self>, method: Method, path: &str, body: &Value) -> Reply {
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

    pub(crate) fn cart_line_count(&self, user: Uuid) -> usize {
        let carts = self.carts.lock().unwrap();
        let cart = carts.get(&user.to_string());
        cart.map_or(0, |cart| cart.lines.len())
    }

    /// The pair (`on_hand`, `reserved`) of the stock of `sku`.
    pub(crate) fn stock_of(&self, sku: &str) -> (i64, i64) {
        let item = inventory::store::items::find(&self.inventory.connect(), sku).unwrap();
        (item.on_hand, item.reserved)
    }

    /// The number of entries of each kind in the ledger of the card processor.
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

    /// The types of the events that the inbox received. Several events with the same id count as one.
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

    /// Checks that every order is confirmed or cancelled, and that stock, money, parcels and events agree with the orders. `units`
    /// is the number of units of `A` in each confirmed order. The shop started with ten units of `A`.
    pub(crate) fn check_invariants(self: &Arc<Self>, units: i64) {
        let db = self.order.connect();
        let rows = db.execute("SELECT event_id FROM order_outbox", &[]);
        let (_, waiting) = self.call(Method::GET, "/internal/orders/outbox");
        assert_eq!(waiting["waiting"], rows.unwrap().len());
        // The test stands in for the operator's timer, which sends the events in the outbox.
        db.execute("UPDATE order_outbox SET due_at = 0", &[])
            .unwrap();
        self.call(Method::POST, "/internal/orders/outbox");
        let orders = self.orders();
        let orders = orders.as_array().unwrap();
        let count = |status: &str| orders.iter().filter(|o| o["status"] == status).count();
        let (confirmed, cancelled) = (count("confirmed"), count("cancelled"));
        assert_eq!(confirmed + cancelled, orders.len(), "{orders:?}");
        let sold = units * i64::try_from(confirmed).unwrap();
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
                shipping::store::shipments::find_by_order(&self.shipping.connect(), order_id)
                    .unwrap();
            let status = parcel.map(|p| <&str>::from(p.status));
            let parcel_agrees = match order["status"].as_str().unwrap() {
                "confirmed" => matches!(status, Some("created" | "picked_up")),
                _ => matches!(status, None | Some("cancelled" | "refused" | "returned")),
            };
            assert!(parcel_agrees, "{status:?} {order}");
            let events = self.events.lock().unwrap();
            let event_types: Vec<_> = events
                .values()
                .filter(|e| e["subject"] == order["order_id"])
                .map(|e| e["type"].as_str().unwrap())
                .collect();
            let last = format!("stoa.order.{}", order["status"].as_str().unwrap());
            assert!(
                event_types.contains(&last.as_str()),
                "{event_types:?} {order}"
            );
            let mut once = event_types.clone();
            once.dedup();
            assert_eq!(once, event_types, "each event must be sent only once");
        }
    }
}
