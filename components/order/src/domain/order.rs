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

/// The customer of an order and their contact data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The customer's user id.
    pub user_id: Uuid,
    /// The e-mail address.
    pub email: String,
    /// The customer's name, for the salutation in messages.
    pub name: String,
    /// The telephone number in the format E.164, if the customer has one.
    pub phone: Option<String>,
}

/// One line of an order, with its price at the time of the submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The product's name at the time of the submission.
    pub name: String,
    /// The number of units.
    pub quantity: u32,
    /// The price of one unit.
    pub unit_price: Money,
    /// The total of the line, which the component `pricing` computed.
    pub line_total: Money,
}

/// The address to which the parcel goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The recipient's name.
    pub name: String,
    /// The street and house number.
    pub street: String,
    /// The city.
    pub city: String,
    /// The postal code.
    pub postal_code: String,
    /// The country code, ISO 3166-1 alpha-2.
    pub country: String,
}

/// The payment of an order, as the service `payment` last reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The payment's id.
    pub payment_id: Uuid,
    /// The payment's status, such as `captured` or `refunded`.
    pub status: String,
}

/// The shipment of an order, as the service `shipping` last reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shipment {
    /// The shipment's id.
    pub shipment_id: Uuid,
    /// The carrier's tracking number; `None` until the carrier assigned the number.
    pub tracking_number: Option<String>,
    /// The shipment's status, such as `created` or `cancelled`.
    pub status: String,
}

/// The result of a completed step or compensation, in the form in which the order stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// The step has no result to store.
    Nothing,
    /// The order's current payment.
    Payment(Payment),
    /// The order's current shipment.
    Shipment(Shipment),
}

/// The right of one driver to be the only one that works on an order, until the lease expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The random id of the driver; empty if the order has no driver.
    pub owner: String,
    /// The expiry time: from then on, any driver may take over the order.
    pub until: Millis,
}

/// An order with its items and its history.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The order's id. The idempotency keys of the calls that the saga makes for this order are derived from it.
    pub order_id: Uuid,
    /// The customer, who owns the order.
    pub customer: Customer,
    /// The idempotency key of the submission. `None` after the key was freed, so that the customer may submit the order again with
    /// the same key.
    pub idempotency_key: Option<String>,
    /// The idempotency key of the submission, if the key was freed; otherwise `None`.
    pub freed_key: Option<String>,
    /// The fingerprint of the submitted request. Repeats with the same key must have the same fingerprint.
    pub fingerprint: String,
    /// The order's status, as the customer sees it.
    pub status: Status,
    /// Whether the driver runs the steps forward or compensates them.
    pub direction: Direction,
    /// The step or compensation in progress.
    pub step: StepName,
    /// The ordered items.
    pub items: Vec<Item>,
    /// The total price.
    pub total: Money,
    /// The address to which the parcel goes.
    pub address: Address,
    /// The token that stands for the customer's card.
    pub card_token: String,
    /// The payment; `None` until the charge succeeds or a lookup before a refund finds the payment.
    pub payment: Option<Payment>,
    /// The shipment; `None` until the parcel is handed to the carrier or a lookup finds the shipment.
    pub shipment: Option<Shipment>,
    /// The reason why the order was, or is being, cancelled.
    pub failure: Option<Failure>,
    /// The version of the cart from which the order was made. The order claims this version. `None` if the request listed the
    /// items.
    pub cart_version: Option<i64>,
    /// Whether the ordered items must still be removed from the customer's cart.
    pub clear_cart: bool,
    /// The time until which a call whose response was lost may still reach its service. Before this time, a lookup that finds
    /// nothing does not prove that the call has no effect.
    pub uncertain_until: Millis,
    /// The time of the submission.
    pub created_at: Millis,
    /// The time of the first confirmation; `None` if the order was never confirmed.
    pub confirmed_at: Option<Millis>,
    /// The lease of the current driver.
    pub lease: Lease,
    /// The number of times that this order was written. Every write compares this number, to detect that another writer has changed
    /// the order.
    pub version: i64,
    /// The history, oldest entry first.
    pub timeline: Vec<Entry>,
}

impl Order {
    /// Begins `step` and records the intent as an entry of the timeline. A retried step reuses its entry.
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

    /// Records the outcome of the current step in the timeline.
    pub fn record_outcome(&mut self, status: EntryStatus, detail: Option<String>, now: Millis) {
        if let Some(last) = self.timeline.last_mut() {
            last.status = status;
            last.at = now;
            last.detail = detail;
        }
    }

    /// Stores the result of a step or compensation in the order.
    pub fn keep_receipt(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Nothing => {}
            Receipt::Payment(payment) => self.payment = Some(payment),
            Receipt::Shipment(shipment) => self.shipment = Some(shipment),
        }
    }

    /// The index of the timeline's last entry. A write may change this entry and add later entries.
    pub fn last_entry_index(&self) -> usize {
        self.timeline.len().saturating_sub(1)
    }

    /// True if the order failed for a reason that permits the customer to submit the order again with the same idempotency key.
    pub fn frees_key(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.reason.frees_key())
    }

    /// The `Idempotency-Key` with which the saga makes the call `operation` for this order. Every driver and every attempt uses the
    /// same key.
    pub fn call_key(&self, operation: &str) -> String {
        format!("{}.{operation}", self.order_id)
    }
}
