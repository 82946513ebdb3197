//! An order with everything that is known of it.

use serde::{Deserialize, Serialize};
use stoa_service::Sku;
use stoa_service::money::Money;
use stoa_service::time::Millis;
use uuid::Uuid;

use super::failure::Failure;
use super::status::{Direction, Status};
use super::step_name::StepName;
use super::timeline::{Entry, EntryStatus};

/// The customer, and how to reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The user.
    pub user_id: Uuid,
    /// Where to write to.
    pub email: String,
    /// How to address them.
    pub name: String,
    /// E.164.
    pub phone: Option<String>,
}

/// One line of an order with the price it was ordered at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The stock keeping unit.
    pub sku: Sku,
    /// What it was called.
    pub name: String,
    /// Units.
    pub quantity: u32,
    /// The price of one.
    pub unit_price: Money,
    /// What pricing makes of both.
    pub line_total: Money,
}

/// Where the parcel goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The recipient.
    pub name: String,
    /// Street and number.
    pub street: String,
    /// The city.
    pub city: String,
    /// The postal code.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// The payment of an order, as payment last reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Payment's id.
    pub payment_id: Uuid,
    /// Payment's word: `captured`, `refunded`, ...
    pub status: String,
}

/// The shipment of an order, as shipping last reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shipment {
    /// Shipping's id.
    pub shipment_id: Uuid,
    /// The carrier's number, once there is one.
    pub tracking_number: Option<String>,
    /// Shipping's word: `created`, `cancelled`, ...
    pub status: String,
}

/// What a step leaves in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Nothing.
    Nothing,
    /// The payment as it is now.
    Payment(Payment),
    /// The shipment as it is now.
    Shipment(Shipment),
}

/// Who may drive the order, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// A random word of the driver; empty where nobody drives.
    pub owner: String,
    /// From then on any driver may take over.
    pub until: Millis,
}

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Its identity, from which every key of its calls is derived.
    pub order_id: Uuid,
    /// Whose it is.
    pub customer: Customer,
    /// The key it was submitted with; `None` once that key was freed for another attempt.
    pub idempotency_key: Option<String>,
    /// That key, once it was freed.
    pub freed_key: Option<String>,
    /// What was submitted with that key.
    pub fingerprint: String,
    /// Where it stands.
    pub status: Status,
    /// Which way it is driven.
    pub direction: Direction,
    /// The step in progress.
    pub step: StepName,
    /// What was ordered.
    pub items: Vec<Item>,
    /// What it costs.
    pub total: Money,
    /// Where it goes.
    pub address: Address,
    /// What stands for the card.
    pub card_token: String,
    /// Known from the charge on, or from the lookup before a refund.
    pub payment: Option<Payment>,
    /// Known from the hand-over to the carrier on.
    pub shipment: Option<Shipment>,
    /// Why it is cancelled.
    pub failure: Option<Failure>,
    /// The version of the cart that the items came from, which this order claims; `None` where they were named in the request.
    pub cart_version: Option<i64>,
    /// The items are still to be taken out of that cart.
    pub clear_cart: bool,
    /// Until then a request whose response was lost may still arrive at its service: "there is nothing" proves nothing.
    pub uncertain_until: Millis,
    /// When it was submitted.
    pub created_at: Millis,
    /// When it was confirmed, if ever.
    pub confirmed_at: Option<Millis>,
    /// Who drives it.
    pub lease: Lease,
    /// Counts the writes.
    pub version: i64,
    /// What happened.
    pub timeline: Vec<Entry>,
}

impl Order {
    /// Begins `step`: its line in the timeline is the intent. A step that is tried again keeps its line.
    pub fn begin(&mut self, step: StepName, now: Millis) {
        self.step = step.clone();
        match self.timeline.last_mut() {
            Some(last) if last.step == step && last.status != EntryStatus::Done => {
                last.status = EntryStatus::Started;
                last.at = now;
            }
            _ => self.timeline.push(Entry {
                step,
                status: EntryStatus::Started,
                at: now,
                detail: None,
            }),
        }
    }

    /// Writes down how the current step went.
    pub fn settle(&mut self, status: EntryStatus, detail: Option<String>, now: Millis) {
        if let Some(last) = self.timeline.last_mut() {
            last.status = status;
            last.at = now;
            last.detail = detail;
        }
    }

    /// Keeps what a step has left.
    pub fn keep(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Nothing => {}
            Receipt::Payment(payment) => self.payment = Some(payment),
            Receipt::Shipment(shipment) => self.shipment = Some(shipment),
        }
    }

    /// The index of the timeline's last line, from which on a write may change it.
    pub fn last_line(&self) -> usize {
        self.timeline.len().saturating_sub(1)
    }

    /// Whether the failure was nobody's decision, so that the key was, or will be, free for another attempt.
    pub fn frees_key(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.reason.frees_key())
    }

    /// The `Idempotency-Key` of the call that does `what` for this order: the same whichever driver makes it, and how often.
    pub fn call_key(&self, what: &str) -> String {
        format!("{}.{what}", self.order_id)
    }
}
