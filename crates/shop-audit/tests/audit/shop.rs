//! A simulated shop, whose orders take their steps one by one, as in the real shop.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

/// The only SKU in stock.
pub(crate) const SKU: &str = "COF-001";
/// Units of the SKU in every order.
pub(crate) const UNITS_PER_ORDER: i64 = 2;
/// Price of one unit, in cents.
const UNIT_PRICE: i64 = 1999;
/// Number of records on a page. It is less than the auditor requests, so that lists have several pages.
const PAGE_SIZE: usize = 3;

type Records = BTreeMap<Uuid, Value>;

/// The records of all services of the shop.
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
    /// Whether the third parties' records (the processor's ledger and the carrier's book) can be read.
    pub(crate) books: bool,
}

/// The id of the order with this number. [`payment`] and [`shipment`] return the ids of this order's payment and shipment.
pub(crate) fn order(number: u128) -> Uuid {
    Uuid::from_u128(number)
}
pub(crate) fn payment(number: u128) -> Uuid {
    Uuid::from_u128(number + (1 << 64))
}
pub(crate) fn shipment(number: u128) -> Uuid {
    Uuid::from_u128(number + (2 << 64))
}

/// The time `seconds` before now, as text. A negative number gives a time in the future.
pub(crate) fn ago(seconds: i64) -> String {
    let then = jiff::Timestamp::now().as_second() - seconds;
    jiff::Timestamp::from_second(then).unwrap().to_string()
}

pub(crate) fn total() -> Value {
    json!({"amount": UNITS_PER_ORDER * UNIT_PRICE, "currency": "EUR"})
}

impl Shop {
    /// A shop without orders.
    pub(crate) fn new() -> Self {
        let empty = json!({"waiting": 0, "oldest": null});
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
                ("/internal/orders/outbox", empty.clone()),
                ("/internal/shipments/outbox", empty),
                (
                    "/internal/notifications/deliveries",
                    json!({"waiting": 0, "oldest": null, "failed": 0}),
                ),
            ]),
            books: true,
        }
    }

    /// A shop without breaches. Orders 1 and 2 are confirmed. Order 3 was confirmed and is now cancelled. Order 4 was declined,
    /// order 5 is being charged, and order 6 was out of stock. A reservation is held for order 7, which does not exist yet.
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
            shop.set_status(number, "confirmed");
        }
        shop.call_off(3);
        shop.refund(3);
        shop.release(3);
        shop.set_status(3, "cancelled");
        shop.begin_payment(4);
        shop.book(4, "decline");
        shop.payments.get_mut(&payment(4)).unwrap()["status"] = json!("declined");
        shop.release(4);
        shop.set_status(4, "cancelled");
        shop.begin_payment(5);
        // The processor adds the capture to its ledger before the shop gets the response to the charge.
        shop.book(5, "capture");
        shop.release(6);
        shop.set_status(6, "cancelled");
        shop.reserve(7);
        shop
    }

    pub(crate) fn place(&mut self, number: u128) {
        let order = json!({"order_id": order(number), "status": "pending", "total": total(), "payment": null, "shipment": null,
            "items": [{"sku": SKU, "name": "Coffee", "quantity": UNITS_PER_ORDER, "unit_price": total(), "line_total": total()}],
            "timeline": [{"step": "reserving", "status": "started", "at": ago(1)}], "created_at": ago(1),
            "user_id": Uuid::nil(), "direction": "forward", "step": "reserving", "lease_until": ago(-59)});
        self.orders.insert(self::order(number), order);
    }

    pub(crate) fn reserve(&mut self, number: u128) {
        let reservation = json!({"order_id": order(number), "status": "held", "lines": [{"sku": SKU, "quantity": UNITS_PER_ORDER}],
            "expires_at": ago(-900)});
        self.reservations.insert(order(number), reservation);
        self.move_stock(0, UNITS_PER_ORDER);
    }

    pub(crate) fn begin_payment(&mut self, number: u128) {
        let payment = json!({"payment_id": payment(number), "order_id": order(number), "amount": total(), "status": "pending",
            "created_at": ago(1)});
        self.payments.insert(self::payment(number), payment);
    }

    /// Adds an entry for an order's payment to the processor's ledger.
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
        self.move_stock(-UNITS_PER_ORDER, -UNITS_PER_ORDER);
        add(&mut self.ledger, "sold", UNITS_PER_ORDER);
    }

    /// Releases the order's reservation, or returns its stock if the reservation is committed. If the order has no reservation,
    /// adds a released one.
    pub(crate) fn release(&mut self, number: u128) {
        let Some(reservation) = self.reservations.get_mut(&order(number)) else {
            let closed = json!({"order_id": order(number), "status": "released", "lines": [], "expires_at": ago(0)});
            self.reservations.insert(order(number), closed);
            return;
        };
        if reservation["status"] == "committed" {
            reservation["status"] = json!("returned");
            self.move_stock(UNITS_PER_ORDER, 0);
            add(&mut self.ledger, "returned", UNITS_PER_ORDER);
        } else {
            reservation["status"] = json!("released");
            self.move_stock(0, -UNITS_PER_ORDER);
        }
    }

    /// Adds a parcel to the carrier's book, and then a shipment with the parcel's number.
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

    /// Sets the order's status, and adds an entry to the order's timeline.
    pub(crate) fn set_status(&mut self, number: u128, status: &str) {
        let order = self.orders.get_mut(&order(number)).unwrap();
        order["status"] = json!(status);
        order["step"] = json!("done");
        let entry = json!({"step": status, "status": "done", "at": ago(0)});
        order["timeline"].as_array_mut().unwrap().push(entry);
    }

    /// Adds these numbers of units to the stock on hand and to the reserved stock.
    pub(crate) fn move_stock(&mut self, on_hand: i64, reserved: i64) {
        add(&mut self.item, "on_hand", on_hand);
        add(&mut self.item, "reserved", reserved);
        add(&mut self.item, "available", on_hand - reserved);
    }

    /// The body of the shop's response; `None` for an unknown path.
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
        // A page begins after the last record of the previous page, as in the services. New records therefore do not shift the
        // pages.
        let after = query
            .split_once("page_token=")
            .map(|(_, token)| unescaped(token));
        let last = after.and_then(|last| list.iter().position(|r| page_token(r) == last));
        let begin = last.map_or(0, |last| last + 1);
        let items: Vec<_> = list.iter().skip(begin).take(PAGE_SIZE).collect();
        let more = begin + items.len() < list.len();
        let next = items.last().filter(|_| more).map(|last| page_token(last));
        Some(json!({"items": items, "next_page_token": next}))
    }
}

/// A page token that consists of the record's ids. It contains characters that must be escaped in a URL.
fn page_token(record: &Value) -> String {
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
