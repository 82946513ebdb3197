//! The types and rules of this service. The functions are pure: they do no input or output.
//!
//! ```text
//! pending -> captured -> refunded
//!    |   \-> declined
//!    |-----> voided      (the payment was cancelled before the processor got the charge)
//!    \-----> refunded    (the processor captured and refunded, but both responses were lost)
//! ```

use serde::Serialize;
use stoa_service::Invalid;
use stoa_service::money::{MAX_AMOUNT, Money};
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use crate::error::Error;

/// The status of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// The outcome is unknown: the processor may or may not have captured the money.
    Pending,
    /// The processor has captured the money.
    Captured,
    /// The processor declined the charge. This status is final.
    Declined,
    /// The processor captured the money and refunded it. This status is final.
    Refunded,
    /// The payment was closed before a capture, so it can never be charged. This status is final.
    Voided,
}

impl Status {
    /// Returns whether a payment may change from this status to `to`.
    pub fn may_become(self, to: Self) -> bool {
        match self {
            Self::Pending => to != Self::Pending,
            Self::Captured => to == Self::Refunded,
            Self::Declined | Self::Refunded | Self::Voided => false,
        }
    }

    /// Returns the statuses from which a payment may change to this status.
    pub fn predecessors(self) -> impl Iterator<Item = Self> {
        let all = Self::VARIANTS.iter().copied();
        all.filter(move |from| from.may_become(self))
    }
}

/// The payment of an order, in the format of responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// The payment's id, which is also its reference at the processor.
    pub payment_id: Uuid,
    /// The id of the paid order.
    pub order_id: Uuid,
    /// The amount to charge.
    pub amount: Money,
    /// The current status.
    pub status: Status,
    /// The processor's reason code for a decline; `None` for any other status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// True if a refund was requested. After such a request, the payment can only become refunded or voided; it is never charged.
    #[serde(skip)]
    pub refund_requested: bool,
    /// The creation time in RFC 3339 format.
    pub created_at: String,
}

impl Payment {
    /// True if the payment is pending, or if its refund was requested and is not confirmed yet. Only the processor then knows the
    /// current status.
    pub fn is_unsettled(&self) -> bool {
        match self.status {
            Status::Pending => true,
            Status::Captured => self.refund_requested,
            Status::Declined | Status::Refunded | Status::Voided => false,
        }
    }

    /// Checks that a repeated request to charge has the amount of this payment.
    pub fn check_repeat(&self, amount: Money) -> Result<(), Error> {
        if self.amount == amount {
            return Ok(());
        }
        Err(Error::PaymentDiffers {
            order_id: self.order_id,
            given: amount,
            existing: self.amount,
        })
    }

    /// Returns the result of a request to charge: the payment if it is captured, otherwise the error that explains the status.
    pub fn charge_result(self) -> Result<Self, Error> {
        match self.status {
            Status::Captured => Ok(self),
            Status::Declined => Err(Error::ChargeDeclined {
                payment_id: self.payment_id,
                decline_code: self.decline_code.unwrap_or_default(),
            }),
            Status::Pending => Err(self.unsettled_error()),
            Status::Refunded | Status::Voided => Err(Error::PaymentClosed {
                order_id: self.order_id,
                payment_id: self.payment_id,
                status: self.status.into(),
            }),
        }
    }

    /// Returns the result of a request to refund: the payment if it is refunded or voided, otherwise the error that explains the
    /// status.
    pub fn refund_result(self) -> Result<Self, Error> {
        match self.status {
            Status::Refunded | Status::Voided => Ok(self),
            Status::Declined => Err(Error::NothingToRefund {
                payment_id: self.payment_id,
                decline_code: self.decline_code.unwrap_or_default(),
            }),
            Status::Pending | Status::Captured => Err(self.unsettled_error()),
        }
    }

    fn unsettled_error(&self) -> Error {
        Error::Unsettled {
            payment_id: self.payment_id,
            status: self.status.into(),
        }
    }
}

/// What the processor did for the charge that the payment's id identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// The processor has not received a charge with this reference.
    Unknown,
    /// The charge was captured.
    Captured,
    /// The charge was declined, with the processor's reason code.
    Declined(String),
    /// The charge was captured and refunded.
    Refunded,
    /// The charge was cancelled before a capture.
    Voided,
}

impl ChargeState {
    /// Returns the payment's resulting status, and the decline code if the charge was declined.
    pub fn payment_status(&self) -> (Status, Option<&str>) {
        match self {
            Self::Unknown => (Status::Pending, None),
            Self::Captured => (Status::Captured, None),
            Self::Declined(code) => (Status::Declined, Some(code)),
            Self::Refunded => (Status::Refunded, None),
            Self::Voided => (Status::Voided, None),
        }
    }
}

/// Checks that the amount of a charge is at least one minor unit, such as one cent.
pub fn check_amount(amount: Money) -> Result<(), Invalid> {
    if amount.amount >= 1 {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "amount.amount: {} is not between 1 and {MAX_AMOUNT} minor units",
        amount.amount
    )))
}

/// The processor's token for a card. The value is never logged and never quoted in errors, because a caller may have sent a card
/// number instead.
#[derive(Clone, PartialEq, Eq)]
pub struct CardToken(String);

impl CardToken {
    /// Parses a token: `tok_` and 1 to 60 letters, digits, `_` or `-`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.strip_prefix("tok_").unwrap_or_default();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        if (1..=60).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "card_token: expected `tok_` and 1 to 60 letters, digits, `_` or `-`; card numbers are not accepted",
        ))
    }

    /// Returns the token's text. Send it only to the card processor.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for CardToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CardToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_never_leaves_a_final_status_or_returns_to_pending() {
        for from in Status::VARIANTS {
            let word: &str = from.into();
            assert_eq!(word.parse::<Status>().unwrap(), *from);
            assert!(!from.may_become(Status::Pending));
            let successors = Status::VARIANTS
                .iter()
                .filter(|to| from.may_become(**to))
                .count();
            let expected = match from {
                Status::Pending => 4,
                Status::Captured => 1,
                _ => 0,
            };
            assert_eq!(successors, expected, "{from:?}");
        }
    }

    #[test]
    fn a_card_number_is_rejected_as_a_token_and_is_not_quoted() {
        for bad in ["4111111111111111", "tok_", "", "tok_a b", "TOK_VISA"] {
            let error = CardToken::parse(bad).unwrap_err().to_string();
            assert!(bad.len() < 5 || !error.contains(bad), "{error}");
        }
        let token = CardToken::parse("tok_visa").unwrap();
        assert_eq!(format!("{token:?}"), "CardToken(..)");
    }
}
