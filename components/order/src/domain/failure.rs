//! The reasons for a cancelled order.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::IntoStaticStr;

/// The reason why an order was, or is being, cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// The card was declined.
    PaymentDeclined,
    /// The service `payment` rejected the card token or the amount.
    PaymentRefused,
    /// Too few units are in stock.
    InsufficientStock,
    /// The carrier does not deliver to the address.
    AddressRefused,
    /// A service that the order needs is unavailable.
    Unavailable,
    /// The outcome of the charge was unknown for too long.
    Unresolved,
    /// The customer cancelled the order.
    CancelledByCustomer,
    /// An operator cancelled the order, for example because the parcel was returned.
    CancelledByOperator,
}

impl Reason {
    /// True if the customer may submit the order again with the same `Idempotency-Key`, because the order itself was valid.
    pub fn frees_key(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unresolved)
    }
}

/// The failure of an order, as the customer sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The reason, as a code for programs.
    pub reason: Reason,
    /// The reason, as a sentence for a person.
    pub detail: String,
    /// Additional members of the problem document, such as `decline_code`.
    #[serde(default)]
    pub members: Map<String, Value>,
}

impl Failure {
    /// A failure without additional members.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            members: Map::new(),
        }
    }
}
