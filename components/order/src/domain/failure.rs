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
    /// Payment does not accept the request.
    PaymentRefused,
    /// There is not enough in stock.
    InsufficientStock,
    /// The carrier does not deliver there.
    AddressRefused,
    /// Another service does not answer.
    Unavailable,
    /// It took too long to find out whether the card was charged.
    Unresolved,
    /// The customer cancelled it.
    CancelledByCustomer,
    /// An operator cancelled it, such as for a parcel that came back.
    CancelledByOperator,
}

impl Reason {
    /// Whether the customer may try again with the same `Idempotency-Key`: nothing about the order itself was wrong.
    pub fn frees_key(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unresolved)
    }
}

/// Why an order is cancelled, as the customer reads it.
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
