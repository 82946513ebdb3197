//! A simulated shop. Its orders take their steps one by one, as the real ones do.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

/// Every order is for this many units of the one SKU at this price.
pub(crate) const SKU: &str = "COF-001";
pub(crate) const EACH: i64 = 2;
const PRICE: i64 = 1999;
/// Fewer than an auditor requests, so that every list has several pages.
const PAGE: usize = 3;

type Records = BTreeMap<Uuid, Value>;

/// The records of all its services.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) orders: Records,
    pub(crate) payments: Records,
    pub(crate) reservations: Records,
    pub(crate) shipments: Records,
    pub(crate) entries: Vec<Value>,
    pub(crate) parcels: Records,
    pub(crate) item: Value,
    pub(crate) ledger: Value,
    pub(crate) queues: BTreeMap<&'static str, Value>,
    /// Whether third parties' books can be read.
    pub(crate) books: bool,
}

/// The ids of an order, its payment and its shipment.
pub(crate) fn order(number: u128) -> Uuid {
    Uuid::from_u128(number)
}
pub(crate) fn payment(number: u128) -> Uuid {
    Uuid::from_u128(number + (1 << 64))
}
pub(crate) fn shipment(number: u128) -> Uuid {
    Uuid::from_u128(number + (2 << 64))
}

/// That many seconds ago.
pub(crate) fn ago(seconds: i64) -> String {
    let then = jiff::Timestamp::now().as_second() - seconds;
    jiff::Timestamp::from_second(then).unwrap().to_string()
}

pub(crate) fn total() -> Value {
    json!({"amount": EACH * PRICE, "currency": "EUR"})
}

impl Shop {
    /// Without any order.
    pub(crate) fn new() -> Self {
        let nothing = json!({"waiting": 0, "oldest": null});
        Self {
            orders: Records::new(),
            payments: Records::new(),
            reservations: Records::new(),
            shipments: Records::new(),
            entries: Vec::new(),
            parcels: Records::new(),
            item: json!({"sku": SKU, "on_hand": 1000, "reserved": 0, "available": 1000}),
            ledger: json!({"sku": SKU, "supplied": 1000, "sold": 0, "returned": 0}),
            queues: BTreeMap::from([
                ("/internal/orders/outbox", nothing.clone()),
                ("/internal/shipments/outbox", nothing),
                (
                    "/internal/notifications/deliveries",
                    json!({"waiting": 0, "oldest": null, "failed": 0}),
                ),
            ]),
            books: true,
        }
    }

    /// Orders 1 and 2 are confirmed, 3 was confirmed and is cancelled, 4 was declined, 5 is being charged, 6 was out of stock; a
    /// reservation is held for 7, which is not an order yet.
    pub(crate) fn sound() -> Self {
        let mut shop = Self::new();
        for number in 1..=6 {
            shop.place(number);
        }
        for number in [1, 2, 3, 4, 5] {
            shop.reserve(number);
        }
        for number in [1, 2, 3] {
            shop.charge(number);
            shop.commit(number);
            shop.ship(number);
            shop.end(number, "confirmed");
        }
        shop.call_off(3);
        shop.refund(3);
        shop.release(3);
        shop.end(3, "cancelled");
        shop.begin_payment(4);
        shop.book(4, "decline");
        shop.payments.get_mut(&payment(4)).unwrap()["status"] = json!("declined");
        shop.release(4);
        shop.end(4, "cancelled");
        shop.begin_payment(5);
        // The processor books before its response arrives.
        shop.book(5, "capture");
        shop.release(6);
        shop.end(6, "cancelled");
        shop.reserve(7);
        shop
    }

    pub(crate) fn place(&mut self, number: u128) {
        let order = json!({"order_id": order(number), "status": "pending", "total": total(), "payment": null, "shipment": null,
            "items": [{"sku": SKU, "name": "Coffee", "quantity": EACH, "unit_price": total(), "line_total": total()}],
            "timeline": [{"step": "reserving", "status": "started", "at": ago(1)}], "created_at": ago(1),
            "user_id": Uuid::nil(), "direction": "forward", "step": "reserving", "lease_until": ago(-59)});
        self.orders.insert(self::order(number), order);
    }

    pub(crate) fn reserve(&mut self, number: u128) {
        let reservation = json!({"order_id": order(number), "status": "held", "lines": [{"sku": SKU, "quantity": EACH}],
            "expires_at": ago(-900)});
        self.reservations.insert(order(number), reservation);
        self.stock(0, EACH);
    }

    pub(crate) fn begin_payment(&mut self, number: u128) {
        let payment = json!({"payment_id": payment(number), "order_id": order(number), "amount": total(), "status": "pending",
            "created_at": ago(1)});
        self.payments.insert(self::payment(number), payment);
    }

    /// The processor adds an entry for an order's payment.
    pub(crate) fn book(&mut self, number: u128, kind: &str) {
        let entry = json!({"entry_id": Uuid::from_u128(self.entries.len() as u128), "reference": payment(number), "kind": kind,
            "amount": total(), "at": ago(1)});
        self.entries.push(entry);
    }

    pub(crate) fn charge(&mut self, number: u128) {
        self.begin_payment(number);
        self.book(number, "capture");
        self.payments.get_mut(&payment(number)).unwrap()["status"] = json!("captured");
    }

    pub(crate) fn refund(&mut self, number: u128) {
        self.book(number, "refund");
        self.payments.get_mut(&payment(number)).unwrap()["status"] = json!("refunded");
    }

    pub(crate) fn commit(&mut self, number: u128) {
        self.reservations.get_mut(&order(number)).unwrap()["status"] = json!("committed");
        self.stock(-EACH, -EACH);
        add(&mut self.ledger, "sold", EACH);
    }

    /// Releases or returns the order's stock; without a reservation it adds a closed one.
    pub(crate) fn release(&mut self, number: u128) {
        let Some(reservation) = self.reservations.get_mut(&order(number)) else {
            let closed = json!({"order_id": order(number), "status": "released", "lines": [], "expires_at": ago(0)});
            self.reservations.insert(order(number), closed);
            return;
        };
        if reservation["status"] == "committed" {
            reservation["status"] = json!("returned");
            self.stock(EACH, 0);
            add(&mut self.ledger, "returned", EACH);
        } else {
            reservation["status"] = json!("released");
            self.stock(0, -EACH);
        }
    }

    /// The carrier's parcel exists before shipping records its number.
    pub(crate) fn ship(&mut self, number: u128) {
        let tracking_number = format!("PX{number}");
        let parcel = json!({"tracking_number": tracking_number, "reference": shipment(number), "status": "created"});
        self.parcels.insert(shipment(number), parcel);
        let shipment = json!({"shipment_id": shipment(number), "order_id": order(number), "tracking_number": tracking_number,
            "status": "created", "created_at": ago(1)});
        self.shipments.insert(self::shipment(number), shipment);
    }

    pub(crate) fn call_off(&mut self, number: u128) {
        self.parcels.get_mut(&shipment(number)).unwrap()["status"] = json!("cancelled");
        self.shipments.get_mut(&shipment(number)).unwrap()["status"] = json!("cancelled");
    }

    /// Sets the order's status, with an entry in its timeline.
    pub(crate) fn end(&mut self, number: u128, status: &str) {
        let order = self.orders.get_mut(&order(number)).unwrap();
        order["status"] = json!(status);
        order["step"] = json!("done");
        let entry = json!({"step": status, "status": "done", "at": ago(0)});
        order["timeline"].as_array_mut().unwrap().push(entry);
    }

    pub(crate) fn stock(&mut self, on_hand: i64, reserved: i64) {
        add(&mut self.item, "on_hand", on_hand);
        add(&mut self.item, "reserved", reserved);
        add(&mut self.item, "available", on_hand - reserved);
    }

    /// The response's body; `None` for an unknown path.
    pub(crate) fn response(&self, path: &str, query: &str) -> Option<Value> {
        let newest_first = || self.orders.values().rev().cloned().collect();
        let all = |records: &Records| records.values().cloned().collect::<Vec<_>>();
        let list = match path {
            "/internal/orders" => newest_first(),
            "/payments" => all(&self.payments),
            "/reservations" => all(&self.reservations),
            "/shipments" => all(&self.shipments),
            "/items" => vec![self.item.clone()],
            "/processor/ledger" if self.books => self.entries.clone(),
            "/carrier/book" if self.books => all(&self.parcels),
            "/items/COF-001/ledger" => return Some(self.ledger.clone()),
            path => return self.queues.get(path).cloned(),
        };
        // A page begins after the last record of the page before, as in the services, so that new records shift nothing.
        let after = query
            .split_once("page_token=")
            .map(|(_, token)| unescaped(token));
        let last = after.and_then(|last| list.iter().position(|record| token(record) == last));
        let begin = last.map_or(0, |last| last + 1);
        let items: Vec<_> = list.iter().skip(begin).take(PAGE).collect();
        let more = begin + items.len() < list.len();
        let next = items.last().filter(|_| more).map(|last| token(last));
        Some(json!({"items": items, "next_page_token": next}))
    }
}

/// A record's ids, with characters that must be escaped in a URL.
fn token(record: &Value) -> String {
    let names = [
        "order_id",
        "payment_id",
        "shipment_id",
        "entry_id",
        "reference",
        "sku",
    ];
    let ids = names.iter().filter_map(|name| record[*name].as_str());
    ids.collect::<Vec<_>>().join(" & ")
}

pub(crate) fn add(record: &mut Value, member: &str, more: i64) {
    record[member] = json!(record[member].as_i64().unwrap() + more);
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
