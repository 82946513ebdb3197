//! An order with all its data.

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
    /// The e-mail address.
    pub email: String,
    /// The name for the salutation.
    pub name: String,
    /// E.164.
    pub phone: Option<String>,
}

/// One line of an order with the price it was ordered at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The stock keeping unit.
    pub sku: Sku,
    /// Its name at that time.
    pub name: String,
    /// Units.
    pub quantity: u32,
    /// The price of one unit.
    pub unit_price: Money,
    /// The total of the line, computed by pricing.
    pub line_total: Money,
}

/// The address of the parcel.
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
    /// Payment's status: `captured`, `refunded`, ...
    pub status: String,
}

/// The shipment of an order, as shipping last reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shipment {
    /// Shipping's id.
    pub shipment_id: Uuid,
    /// The carrier's number, once it is known.
    pub tracking_number: Option<String>,
    /// Shipping's status: `created`, `cancelled`, ...
    pub status: String,
}

/// The result of a step, kept in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Nothing.
    Nothing,
    /// The current payment.
    Payment(Payment),
    /// The current shipment.
    Shipment(Shipment),
}

/// Who may drive the order, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// A random word that identifies the driver; empty where there is none.
    pub owner: String,
    /// Any driver may take over from then on.
    pub until: Millis,
}

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The order's id, from which the keys of its calls are derived.
    pub order_id: Uuid,
    /// The owner.
    pub customer: Customer,
    /// The key of the submission; `None` once that key was freed for another attempt.
    pub idempotency_key: Option<String>,
    /// The key of the submission, once it was freed.
    pub freed_key: Option<String>,
    /// The fingerprint of the submission with that key.
    pub fingerprint: String,
    /// The status.
    pub status: Status,
    /// The direction in which it is driven.
    pub direction: Direction,
    /// The step in progress.
    pub step: StepName,
    /// The ordered items.
    pub items: Vec<Item>,
    /// The total price.
    pub total: Money,
    /// The address of the parcel.
    pub address: Address,
    /// The token for the card.
    pub card_token: String,
    /// Known since the charge, or since the lookup before a refund.
    pub payment: Option<Payment>,
    /// Known since the hand-over to the carrier.
    pub shipment: Option<Shipment>,
    /// Why it is cancelled.
    pub failure: Option<Failure>,
    /// The version of the cart from which the items came, claimed by this order; `None` if the request listed the items.
    pub cart_version: Option<i64>,
    /// Whether the items must still be removed from that cart.
    pub clear_cart: bool,
    /// Until then a request whose response was lost may still reach its service, so a lookup that finds nothing proves nothing.
    pub uncertain_until: Millis,
    /// When the order was submitted.
    pub created_at: Millis,
    /// When it was confirmed; `None` if it was not.
    pub confirmed_at: Option<Millis>,
    /// The lease of the driver.
    pub lease: Lease,
    /// The number of writes.
    pub version: i64,
    /// The history.
    pub timeline: Vec<Entry>,
}

impl Order {
    /// Begins `step`: its line in the timeline is the intent. A retried step keeps its line.
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

    /// Writes the outcome of the current step.
    pub fn settle(&mut self, status: EntryStatus, detail: Option<String>, now: Millis) {
        if let Some(last) = self.timeline.last_mut() {
            last.status = status;
            last.at = now;
            last.detail = detail;
        }
    }

    /// Keeps the result of a step.
    pub fn keep(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Nothing => {}
            Receipt::Payment(payment) => self.payment = Some(payment),
            Receipt::Shipment(shipment) => self.shipment = Some(shipment),
        }
    }

    /// The index of the timeline's last line: a write may change this line and later ones.
    pub fn last_line(&self) -> usize {
        self.timeline.len().saturating_sub(1)
    }

    /// Whether the order failed without a decision, so that the key was, or will be, free for another attempt.
    pub fn frees_key(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.reason.frees_key())
    }

    /// The `Idempotency-Key` of the call for `what` of this order: the same for every driver and every attempt.
    pub fn call_key(&self, what: &str) -> String {
        format!("{}.{what}", self.order_id)
    }
}
