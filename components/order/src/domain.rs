//! The words: an order, where it stands, and its timeline.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stoa_service::money::Money;
use stoa_service::time::Millis;
use uuid::Uuid;

/// An enum whose variants have a word each, the same in the database and in JSON.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in the database and in JSON.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads [`Self::word`].
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// Where an order stands for its customer.
    Status {
        /// Being worked on.
        Pending = "pending",
        /// Paid and handed to shipping.
        Confirmed = "confirmed",
        /// Nothing is charged and nothing is reserved. Final.
        Cancelled = "cancelled",
    }
}

words! {
    /// Which way a pending order is driven.
    Direction {
        /// Towards `confirmed`.
        Forward = "forward",
        /// Towards `cancelled`.
        Compensating = "compensating",
    }
}

words! {
    /// What is being done: the intent, written before it is tried.
    Step {
        /// Stock is reserved.
        Reserving = "reserving",
        /// The reservation is made to outlast the order's own deadline.
        Extending = "extending",
        /// The card is charged.
        Charging = "charging",
        /// The stock leaves.
        Committing = "committing",
        /// The parcel is handed to the carrier.
        Shipping = "shipping",
        /// Compensation: the shipment is called off.
        CancellingShipment = "cancelling_shipment",
        /// Compensation: the money goes back.
        Refunding = "refunding",
        /// Compensation: the stock comes back.
        Releasing = "releasing",
        /// Nothing is left to do.
        Done = "done",
    }
}

words! {
    /// Why an order was, or is being, cancelled.
    Reason {
        /// The card was declined.
        PaymentDeclined = "payment_declined",
        /// Payment does not take the request.
        PaymentRefused = "payment_refused",
        /// There is not enough in stock.
        InsufficientStock = "insufficient_stock",
        /// The carrier does not deliver there.
        AddressRefused = "address_refused",
        /// Another service does not answer.
        Unavailable = "unavailable",
        /// It took too long to find out whether the card was charged.
        Unresolved = "unresolved",
        /// The customer asked for it.
        Customer = "cancelled_by_customer",
        /// An operator asked for it, such as for a parcel that came back.
        Operator = "cancelled_by_operator",
    }
}

impl Reason {
    /// Whether the customer may try again with the same `Idempotency-Key`: nothing about the order itself was wrong.
    pub fn frees_key(self) -> bool {
        matches!(self, Reason::Unavailable | Reason::Unresolved)
    }
}

/// Why an order is cancelled, as the customer is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What programs branch on.
    pub reason: Reason,
    /// A sentence for a person.
    pub detail: String,
    /// Further members of the problem document, such as `decline_code`.
    #[serde(default)]
    pub members: Map<String, Value>,
}

impl Failure {
    /// A failure without further members.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            members: Map::new(),
        }
    }
}

/// Who orders, and how to reach them.
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
    pub sku: String,
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

/// The payment of an order, as payment last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Payment's id.
    pub payment_id: Uuid,
    /// Payment's word: `captured`, `refunded`, ...
    pub status: String,
}

/// The shipment of an order, as shipping last said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shipment {
    /// Shipping's id.
    pub shipment_id: Uuid,
    /// The carrier's number, once there is one.
    pub tracking_number: Option<String>,
    /// Shipping's word: `created`, `cancelled`, ...
    pub status: String,
}

/// One line of the timeline: a step and how it went. Repeated tries of one step share a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// A [`Step`]'s word, or `confirmed` or `cancelled`.
    pub step: &'static str,
    /// `started`, `waiting`, `done` or `failed`.
    pub status: &'static str,
    /// When it came to that.
    pub at: Millis,
    /// For the customer.
    pub detail: Option<String>,
}

/// Who may drive the order, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// A random word of the driver; empty where nobody drives.
    pub owner: String,
    /// From then on anybody may take it over.
    pub until: Millis,
}

/// An order with everything that is known of it.
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
    /// Which way it goes.
    pub direction: Direction,
    /// What is being done.
    pub step: Step,
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
    /// Until then a request whose answer was lost may still arrive where it was sent: "there is nothing" proves nothing.
    pub doubt_until: Millis,
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
    /// Starts `step`: its line in the timeline is the intent. A step that is tried again keeps its line.
    pub fn begin(&mut self, step: Step, now: Millis) {
        self.step = step;
        match self.timeline.last_mut() {
            Some(last) if last.step == step.word() && last.status != "done" => {
                last.status = "started";
                last.at = now;
            }
            _ => self.timeline.push(Entry {
                step: step.word(),
                status: "started",
                at: now,
                detail: None,
            }),
        }
    }

    /// Writes down how the current step went.
    pub fn settle(&mut self, status: &'static str, detail: Option<String>, now: Millis) {
        if let Some(last) = self.timeline.last_mut() {
            last.status = status;
            last.at = now;
            last.detail = detail;
        }
    }

    /// The `Idempotency-Key` of the call that does `what` for this order: the same whoever makes it, and how often.
    pub fn call_key(&self, what: &str) -> String {
        format!("{}.{what}", self.order_id)
    }
}
