//! Why an order is cancelled.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::IntoStaticStr;

/// Why an order was, or is being, cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// The card was declined.
    PaymentDeclined,
    /// Payment rejected the request.
    PaymentRefused,
    /// Too few units are in stock.
    InsufficientStock,
    /// The carrier does not deliver to the address.
    AddressRefused,
    /// Another service does not answer.
    Unavailable,
    /// It took too long to learn whether the card was charged.
    Unresolved,
    /// The customer cancelled it.
    CancelledByCustomer,
    /// An operator cancelled it, for example because the parcel came back.
    CancelledByOperator,
}

impl Reason {
    /// Whether the customer may try again with the same `Idempotency-Key`: the order itself was valid.
    pub fn frees_key(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unresolved)
    }
}

/// Why an order is cancelled, in the customer's view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The reason, for programs.
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
