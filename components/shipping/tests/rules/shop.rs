//! The service over a real SQLite. Its calls go to the simulated carrier, which sends back signed reports.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use hmac::{Hmac, Mac};
use http::Method;
use partners::testing::{Books, Fate, SECRET, Stage, dispatch};
use serde_json::{Value, json};
use shipping::app::App;
use shipping::config::Config;
use shipping::domain::Shipment;
use shipping::store::{SCHEMA, shipments};
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::sql::Database;
use stoa_service::testing::{Counted, reply, request};
use stoa_service::{Context, Service};
use uuid::Uuid;

/// Everything outside the service.
#[derive(Clone)]
struct World {
    stage: Arc<Mutex<Option<Stage>>>,
    /// The status of notification's responses; 0 means no response.
    notification: Arc<AtomicU16>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl World {
    fn answer(&self, call: &Call) -> Result<Reply, CallError> {
        if !call.url.starts_with("http://notification.test/events") {
            let stage = self.stage.lock().unwrap().clone();
            return stage.unwrap().answer(call);
        }
        match self.notification.load(Ordering::SeqCst) {
            0 => Err(CallError::Lost("the line is cut".to_owned())),
            status => {
                assert_eq!(call.headers["content-type"], "application/cloudevents+json");
                let event = serde_json::from_slice(&call.body).unwrap();
                self.events.lock().unwrap().push(event);
                reply(status, json!({}))
            }
        }
    }
}

impl Outbound for World {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        self.answer(&call)
    }
}

pub(crate) struct Shop {
    books: Books,
    world: World,
    pub(crate) stage: Stage,
}

/// Breaks the reference cycle: the carrier reports to the world, and the world calls the carrier. Otherwise neither would be
/// dropped, nor would their databases.
impl Drop for Shop {
    fn drop(&mut self) {
        self.world.stage.lock().unwrap().take();
    }
}

/// A response; `None` if the service died.
pub(crate) type Outcome = Option<(u16, Value)>;

fn app(books: &Books, world: &World) -> App {
    app_over(Box::new(books.open()), world)
}

fn app_over(db: Box<dyn Database>, world: &World) -> App {
    let source = |name: &str| {
        Some(match name {
            "carrier_secret" => SECRET.to_owned(),
            "carrier_url" => partners::testing::URL.to_owned(),
            _ => "http://notification.test".to_owned(),
        })
    };
    App {
        config: Config::read(&source).unwrap(),
        db,
        outbound: Box::new(world.clone()),
        outbox_dirty: Cell::new(false),
    }
}

impl Shop {
    pub(crate) fn new() -> Self {
        let books = Books::new(&SCHEMA);
        let world = World {
            stage: Arc::default(),
            notification: Arc::new(AtomicU16::new(202)),
            events: Arc::default(),
        };
        // The carrier's reports go to the service's routes, as over HTTP, with the work after the response.
        let stage = Stage::new({
            let (books, world) = (books.clone(), world.clone());
            move |call| {
                let app = app(&books, &world);
                let reply = dispatch(&app, call);
                app.after_response(&Context::new(App::NAME, &call.headers));
                Ok(reply)
            }
        });
        *world.stage.lock().unwrap() = Some(stage.clone());
        Self {
            books,
            world,
            stage,
        }
    }

    pub(crate) fn fates(&self, fates: impl IntoIterator<Item = Fate>) -> u32 {
        self.stage.fates(fates)
    }

    pub(crate) fn try_call(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Outcome {
        let app = app(&self.books, &self.world);
        let request = request(App::NAME, method, uri, headers, body);
        let context = request.context().clone();
        let response = catch_unwind(AssertUnwindSafe(|| app.answer(request))).ok()?;
        // The client has its response, whatever happens to the work after it.
        let _ = catch_unwind(AssertUnwindSafe(|| app.after_response(&context)));
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        Some((response.status().as_u16(), body))
    }

    pub(crate) fn call(&self, method: Method, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        let headers = [("idempotency-key", key)];
        self.try_call(method, uri, &headers, &body.to_string())
            .expect("the service lives")
    }

    pub(crate) fn get(&self, uri: &str) -> (u16, Value) {
        self.call(Method::GET, uri, "", &Value::Null)
    }

    /// Number of statements for a list of `entries` entries.
    pub(crate) fn statements(&self, uri: &str, entries: usize) -> usize {
        let db = Counted::new(self.books.open());
        let count = db.count();
        let app = app_over(Box::new(db), &self.world);
        let response = app.answer(request(App::NAME, Method::GET, uri, &[], ""));
        let page: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(page["items"].as_array().unwrap().len(), entries, "{uri}");
        count.get()
    }

    pub(crate) fn ship(&self, order: Uuid, key: &str, country: &str) -> Outcome {
        let headers = [("idempotency-key", key)];
        let body = submission(order, country).to_string();
        self.try_call(Method::POST, "/shipments", &headers, &body)
    }

    /// Ships an order; returns its shipment and tracking number.
    pub(crate) fn shipped(&self) -> (Shipment, String) {
        let order = Uuid::now_v7();
        assert_eq!(self.ship(order, &order.to_string(), "AT").unwrap().0, 201);
        let shipment = self.stored(order);
        let number = shipment.tracking_number.clone().unwrap();
        (shipment, number)
    }

    pub(crate) fn cancel(&self, shipment: Uuid) -> Outcome {
        let uri = format!("/shipments/{shipment}/cancel");
        self.try_call(Method::POST, &uri, &[], "{}")
    }

    /// Moves the parcel; the carrier reports it.
    pub(crate) fn advance(&self, number: &str, status: &str) -> (u16, Value) {
        let path = format!("/carrier/shipments/{number}/advance");
        self.stage
            .ask(Method::POST, &path, &json!({"status": status}))
    }

    /// A report made by the test, with the carrier's signature.
    pub(crate) fn report(&self, shipment: Uuid, event: &Value) -> (u16, Value) {
        let (seconds, body) = (stoa_service::time::now() / 1000, event.to_string());
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{seconds}.{body}").as_bytes());
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let signature = format!("t={seconds},v1={hex}");
        let headers = [("x-carrier-signature", &*signature)];
        let uri = format!("/shipments/{shipment}/events");
        self.try_call(Method::POST, &uri, &headers, &body).unwrap()
    }

    /// Resets a shipment to an earlier state, as if no report had come.
    pub(crate) fn forget_reports(&self, before: &Shipment) {
        let (word, rank): (&str, u32) = (before.status.into(), before.status.rank());
        self.books.run(&format!(
            "UPDATE shipping_shipments SET status = '{word}', rank = {rank} WHERE shipment_id = '{}'",
            before.shipment_id
        ));
    }

    pub(crate) fn expire_claims(&self) {
        self.books
            .run("UPDATE shipping_idempotency SET claimed_until = 0 WHERE status IS NULL");
    }

    /// Makes everything in the outbox, and every pending cancellation at the carrier, due.
    pub(crate) fn time_passes(&self) {
        self.books.run("UPDATE shipping_outbox SET due_at = 0");
        self.books.run("UPDATE shipping_call_offs SET due_at = 0");
    }

    /// The operator's outbox pass.
    pub(crate) fn flush(&self) -> (u16, Value) {
        self.call(Method::POST, "/internal/shipments/outbox", "", &json!({}))
    }

    /// Number of cancellations that the carrier has not received yet.
    pub(crate) fn untold(&self) -> usize {
        self.books
            .run("SELECT shipment_id FROM shipping_call_offs")
            .len()
    }

    pub(crate) fn stored(&self, order: Uuid) -> Shipment {
        shipments::of_order(&self.books.open(), order)
            .unwrap()
            .unwrap()
    }

    /// Tracking number and status of the carrier's parcel, if there is one.
    pub(crate) fn parcel(&self, shipment: Uuid) -> Option<(String, String)> {
        let path = format!("/carrier/shipments?reference={shipment}");
        let (_, page) = self.stage.ask(Method::GET, &path, &Value::Null);
        let word = |v: &Value| v.as_str().unwrap().to_owned();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() < 2);
        items
            .first()
            .map(|p| (word(&p["tracking_number"]), word(&p["status"])))
    }

    pub(crate) fn notification_answers(&self, status: u16) {
        self.world.notification.store(status, Ordering::SeqCst);
    }

    /// The events that notification received, as (type, subject, data).
    pub(crate) fn events(&self) -> Vec<(String, String, Value)> {
        let events = self.world.events.lock().unwrap().clone();
        events
            .into_iter()
            .map(|e| {
                assert_eq!(
                    (&e["specversion"], &e["source"]),
                    (&json!("1.0"), &json!("/stoa/shipping"))
                );
                let word = |name: &str| e[name].as_str().unwrap().to_owned();
                (word("type"), word("subject"), e["data"].clone())
            })
            .collect()
    }
}

pub(crate) fn submission(order: Uuid, country: &str) -> Value {
    json!({"order_id": order, "lines": [{"sku": "COF-001", "quantity": 2}], "address": {"name": "Ann", "street": "Main 1",
        "city": "Graz", "postal_code": "8010", "country": country}})
}
