//! The service `shipping` with a real database. Its calls go to the simulated carrier, which sends signed reports to the service.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use hmac::{Hmac, Mac};
use http::Method;
use partners::testing::{CheckedDatabase, Fate, SECRET, SimulatedPartners, dispatch};
use serde_json::{Value, json};
use shipping::app::App;
use shipping::config::Config;
use shipping::domain::Shipment;
use shipping::store::{SCHEMA, shipments};
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::sql::Database;
use stoa_service::testing::{StatementCounter, reply, request};
use stoa_service::{Context, Service};
use uuid::Uuid;

/// The services that `shipping` calls: the third parties, and the `notification` service.
#[derive(Clone)]
struct World {
    partners: Arc<Mutex<Option<SimulatedPartners>>>,
    /// The status of the responses of `notification`; 0 means that its responses are lost.
    notification: Arc<AtomicU16>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl World {
    fn answer(&self, call: &Call) -> Result<Reply, CallError> {
        if !call.url.starts_with("http://notification.test/events") {
            let partners = self.partners.lock().unwrap().clone();
            return partners.unwrap().answer(call);
        }
        match self.notification.load(Ordering::SeqCst) {
            0 => Err(CallError::Lost("the connection was cut".to_owned())),
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
    database: CheckedDatabase,
    world: World,
    pub(crate) partners: SimulatedPartners,
}

/// Breaks a reference cycle: the carrier refers to [`World`], and [`World`] refers to the carrier. Otherwise their databases would
/// never be removed.
impl Drop for Shop {
    fn drop(&mut self) {
        self.world.partners.lock().unwrap().take();
    }
}

/// The status and body of a response; `None` if the service died during the request.
pub(crate) type Outcome = Option<(u16, Value)>;

fn app(database: &CheckedDatabase, world: &World) -> App {
    app_over(Box::new(database.open()), world)
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
        let database = CheckedDatabase::new(&SCHEMA);
        let world = World {
            partners: Arc::default(),
            notification: Arc::new(AtomicU16::new(202)),
            events: Arc::default(),
        };
        // The routes of the service serve the carrier's reports. After the response to each report, the work after the response
        // runs too, as it does in the component.
        let partners = SimulatedPartners::new({
            let (database, world) = (database.clone(), world.clone());
            move |call| {
                let app = app(&database, &world);
                let reply = dispatch(&app, call);
                app.after_response(&Context::new(App::NAME, &call.headers));
                Ok(reply)
            }
        });
        *world.partners.lock().unwrap() = Some(partners.clone());
        Self {
            database,
            world,
            partners,
        }
    }

    pub(crate) fn fates(&self, fates: impl IntoIterator<Item = Fate>) -> u32 {
        self.partners.fates(fates)
    }

    pub(crate) fn try_call(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Outcome {
        let app = app(&self.database, &self.world);
        let request = request(App::NAME, method, uri, headers, body);
        let context = request.context().clone();
        let response = catch_unwind(AssertUnwindSafe(|| app.answer(request))).ok()?;
        // A failure of the work after the response does not change the response.
        let _ = catch_unwind(AssertUnwindSafe(|| app.after_response(&context)));
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        Some((response.status().as_u16(), body))
    }

    pub(crate) fn call(&self, method: Method, uri: &str, key: &str, body: &Value) -> (u16, Value) {
        let headers = [("idempotency-key", key)];
        self.try_call(method, uri, &headers, &body.to_string())
            .expect("the service died without a response")
    }

    pub(crate) fn get(&self, uri: &str) -> (u16, Value) {
        self.call(Method::GET, uri, "", &Value::Null)
    }

    /// Requests a list and checks that it contains `entries` entries. Returns the number of SQL statements that the request
    /// executed.
    pub(crate) fn statements(&self, uri: &str, entries: usize) -> usize {
        let db = StatementCounter::new(self.database.open());
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

    /// Ships a new order. Returns its shipment and tracking number.
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

    /// Makes the carrier change the parcel's status and report the change. Returns the service's response to the report.
    pub(crate) fn advance(&self, number: &str, status: &str) -> (u16, Value) {
        let path = format!("/carrier/shipments/{number}/advance");
        self.partners
            .call_without_fate(Method::POST, &path, &json!({"status": status}))
    }

    /// Sends a report that the test itself made, with a valid signature of the carrier.
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

    /// Resets a shipment to an earlier status, as if no report had arrived since then.
    pub(crate) fn forget_reports(&self, before: &Shipment) {
        let (word, rank): (&str, u32) = (before.status.into(), before.status.rank());
        self.database.run(&format!(
            "UPDATE shipping_shipments SET status = '{word}', rank = {rank} WHERE shipment_id = '{}'",
            before.shipment_id
        ));
    }

    pub(crate) fn expire_claims(&self) {
        self.database
            .run("UPDATE shipping_idempotency SET claimed_until = 0 WHERE status IS NULL");
    }

    /// Makes all events in the outbox and all call-offs due.
    pub(crate) fn make_everything_due(&self) {
        self.database.run("UPDATE shipping_outbox SET due_at = 0");
        self.database
            .run("UPDATE shipping_call_offs SET due_at = 0");
    }

    /// Calls the operation that sends the due events and call-offs, as the operator's timer does.
    pub(crate) fn flush(&self) -> (u16, Value) {
        self.call(Method::POST, "/internal/shipments/outbox", "", &json!({}))
    }

    /// The number of call-offs in the queue.
    pub(crate) fn waiting_call_offs(&self) -> usize {
        self.database
            .run("SELECT shipment_id FROM shipping_call_offs")
            .len()
    }

    pub(crate) fn stored(&self, order: Uuid) -> Shipment {
        shipments::find_by_order(&self.database.open(), order)
            .unwrap()
            .unwrap()
    }

    /// The tracking number and the status of the carrier's parcel; `None` if the carrier has no parcel for the shipment.
    pub(crate) fn parcel(&self, shipment: Uuid) -> Option<(String, String)> {
        let path = format!("/carrier/shipments?reference={shipment}");
        let (_, page) = self
            .partners
            .call_without_fate(Method::GET, &path, &Value::Null);
        let word = |v: &Value| v.as_str().unwrap().to_owned();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() < 2);
        items
            .first()
            .map(|p| (word(&p["tracking_number"]), word(&p["status"])))
    }

    pub(crate) fn set_notification_status(&self, status: u16) {
        self.world.notification.store(status, Ordering::SeqCst);
    }

    /// The events that the `notification` service received: the type, the subject and the data of each event.
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
