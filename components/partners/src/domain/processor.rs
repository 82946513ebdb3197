//! The card processor. The shop's reference identifies a charge, so a reference has at most one charge. The ledger records
//! captures, declines, refunds and voids.

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
    /// The money was taken.
    Captured,
    /// The bank declined the charge.
    Declined,
    /// The money was taken and given back.
    Refunded,
    /// The reference was closed before it was charged.
    Voided,
}

/// A charge, serialized as responses show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Charge {
    /// The processor's id of the charge.
    pub charge_id: Uuid,
    /// The shop's id of the charge.
    pub reference: String,
    /// The charged amount; a voided charge has none.
    pub amount: Option<Money>,
    /// The status.
    pub status: ChargeStatus,
    /// The bank's reason, if the charge was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
}

impl Charge {
    /// The result of a request to charge `amount`: the captured charge, or an error.
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

    /// The result of a request to refund: the refunded or voided charge, or an error if the charge was declined.
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
    /// The shop's id of the charge. Repeated requests with the same reference charge the card only once.
    pub reference: String,
    /// The amount to charge.
    pub amount: Money,
    /// The card's token. It determines the bank's decision ([`decide`]).
    pub card_token: String,
}

impl NewCharge {
    /// Checks the reference and the amount.
    pub fn check(&self) -> Result<(), Invalid> {
        check_reference(&self.reference)?;
        if self.amount.amount < 1 {
            return Err(Invalid::new("amount.amount: 0 is less than 1"));
        }
        Ok(())
    }
}

/// The bank's decision about a card token. `None` means that the bank accepts the card; otherwise the value is the decline code.
/// The token `tok_error` makes the processor fail before the bank decides.
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
    /// The entry's id. Lists are sorted by this id.
    pub entry_id: Uuid,
    /// The shop's id of the charge.
    pub reference: String,
    /// The kind of the entry.
    pub kind: EntryKind,
    /// The amount; a void has none.
    pub amount: Option<Money>,
    /// The time of the entry, RFC 3339.
    pub at: String,
}
