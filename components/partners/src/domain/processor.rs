//! The card processor: one charge per reference, and a ledger of captures, declines, refunds and voids.

use serde::{Deserialize, Serialize};
use stoa_service::Invalid;
use stoa_service::money::Money;
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use super::fields::check_reference;
use crate::error::Error;

/// The status of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ChargeStatus {
    /// The money is taken.
    Captured,
    /// The bank declined the charge.
    Declined,
    /// Captured, then refunded.
    Refunded,
    /// Closed before it was charged.
    Voided,
}

/// A charge, serialized as responses show it. A voided charge that was never captured has no amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Charge {
    /// The processor's id of the charge.
    pub charge_id: Uuid,
    /// The shop's id of the charge.
    pub reference: String,
    /// The charged amount.
    pub amount: Option<Money>,
    /// The status.
    pub status: ChargeStatus,
    /// Why the bank declined it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
}

impl Charge {
    /// The result of a request to charge `amount`: the charge, or why there is none.
    pub fn charged(self, amount: Money) -> Result<Self, Error> {
        match self.status {
            ChargeStatus::Voided => Err(Error::ReferenceVoided(self.reference)),
            _ if self.amount != Some(amount) => Err(Error::ReferenceDiffers(self.reference)),
            ChargeStatus::Declined => {
                Err(Error::CardDeclined(self.decline_code.unwrap_or_default()))
            }
            ChargeStatus::Captured | ChargeStatus::Refunded => Ok(self),
        }
    }

    /// The result of a request to refund: the refunded or voided charge, or why it is neither.
    pub fn refunded(self) -> Result<Self, Error> {
        if self.status == ChargeStatus::Declined {
            return Err(Error::ChargeDeclined(self.decline_code.unwrap_or_default()));
        }
        Ok(self)
    }
}

/// A request to charge.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    /// The shop's id of the charge: it is captured once.
    pub reference: String,
    /// The amount to charge.
    pub amount: Money,
    /// The card; the token determines the bank's decision ([`decide`]).
    pub card_token: String,
}

impl NewCharge {
    /// Checks the reference and the amount.
    pub fn check(&self) -> Result<(), Invalid> {
        check_reference(&self.reference)?;
        if self.amount.amount < 1 {
            return Err(Invalid::new("amount.amount: 0 cannot be charged"));
        }
        Ok(())
    }
}

/// The bank's decision about a card: `None` captures, a code declines. `tok_error` makes the processor fail before it decides.
pub fn decide(card_token: &str) -> Result<Option<&'static str>, Error> {
    match card_token {
        "tok_visa" | "tok_mastercard" => Ok(None),
        "tok_declined" => Ok(Some("insufficient_funds")),
        "tok_error" => Err(Error::ProcessorFailed),
        _ => Ok(Some("invalid_token")),
    }
}

/// The kind of an entry in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EntryKind {
    /// Money was taken.
    Capture,
    /// The bank declined the charge.
    Decline,
    /// Money was given back.
    Refund,
    /// A reference was closed before it was charged.
    Void,
}

/// An entry of the ledger, serialized as responses show it.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its identity; entries are sorted by it.
    pub entry_id: Uuid,
    /// The charge.
    pub reference: String,
    /// The kind of event.
    pub kind: EntryKind,
    /// The amount; a void has none.
    pub amount: Option<Money>,
    /// RFC 3339.
    pub at: String,
}
