//! Types and rules, pure.
//!
//! ```text
//! pending -> captured -> refunded
//!    |   \-> declined
//!    |-----> voided      (cancelled before the processor saw it)
//!    \-----> refunded    (captured and refunded before this service learned of either)
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
    /// The processor may or may not have captured it.
    Pending,
    /// The money was taken.
    Captured,
    /// The processor declined the charge. Final.
    Declined,
    /// The money was taken and refunded. Final.
    Refunded,
    /// The money was never taken, and never will be. Final.
    Voided,
}

impl Status {
    /// Whether a payment may change from this status to `to`.
    pub fn may_become(self, to: Self) -> bool {
        match self {
            Self::Pending => to != Self::Pending,
            Self::Captured => to == Self::Refunded,
            Self::Declined | Self::Refunded | Self::Voided => false,
        }
    }

    /// The statuses from which a payment may change to this one.
    pub fn predecessors(self) -> impl Iterator<Item = Self> {
        let all = Self::VARIANTS.iter().copied();
        all.filter(move |from| from.may_become(self))
    }
}

/// The payment of an order, serialized as responses show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// Its identity here, and its reference at the processor.
    pub payment_id: Uuid,
    /// The paid order.
    pub order_id: Uuid,
    /// The amount to charge.
    pub amount: Money,
    /// The status.
    pub status: Status,
    /// Why the processor declined it, in the processor's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// A refund was requested: from then on the payment is refunded or voided, never charged.
    #[serde(skip)]
    pub refund_requested: bool,
    /// RFC 3339.
    pub created_at: String,
}

impl Payment {
    /// Whether the processor may have news about the payment.
    pub fn is_open(&self) -> bool {
        match self.status {
            Status::Pending => true,
            Status::Captured => self.refund_requested,
            Status::Declined | Status::Refunded | Status::Voided => false,
        }
    }

    /// Checks a repeated charge: an order has one amount.
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

    /// The result of a request to charge: the captured payment, or why there is none.
    pub fn charged(self) -> Result<Self, Error> {
        match self.status {
            Status::Captured => Ok(self),
            Status::Declined => Err(Error::ChargeDeclined {
                payment_id: self.payment_id,
                decline_code: self.decline_code.unwrap_or_default(),
            }),
            Status::Pending => Err(self.unsettled()),
            Status::Refunded | Status::Voided => Err(Error::PaymentClosed {
                order_id: self.order_id,
                payment_id: self.payment_id,
                status: self.status.into(),
            }),
        }
    }

    /// The result of a request to refund: the refunded or voided payment, or why it is neither.
    pub fn refunded(self) -> Result<Self, Error> {
        match self.status {
            Status::Refunded | Status::Voided => Ok(self),
            Status::Declined => Err(Error::NothingToRefund {
                payment_id: self.payment_id,
                decline_code: self.decline_code.unwrap_or_default(),
            }),
            Status::Pending | Status::Captured => Err(self.unsettled()),
        }
    }

    fn unsettled(&self) -> Error {
        Error::Unsettled {
            payment_id: self.payment_id,
            status: self.status.into(),
        }
    }
}

/// The processor's state of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// The processor has not seen the reference.
    Unknown,
    /// Charged.
    Captured,
    /// Declined, and why.
    Declined(String),
    /// Charged and refunded.
    Refunded,
    /// Cancelled before it was charged.
    Voided,
}

impl ChargeState {
    /// The payment's resulting status, and the decline code.
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

/// Checks that a charge is one minor unit at least.
pub fn check_amount(amount: Money) -> Result<(), Invalid> {
    if amount.amount >= 1 {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "amount.amount: {} is not between 1 and {MAX_AMOUNT} minor units",
        amount.amount
    )))
}

/// The processor's token for a card. Its value is never logged and never quoted: a caller may have sent a card number instead.
#[derive(Clone, PartialEq, Eq)]
pub struct CardToken(String);

impl CardToken {
    /// Reads `tok_` and 1 to 60 letters, digits, `_` or `-`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.strip_prefix("tok_").unwrap_or_default();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        if (1..=60).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "card_token: the value given is not `tok_` and 1 to 60 letters, digits, `_` or `-`; card numbers are not accepted",
        ))
    }

    /// For the processor only.
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
    fn nothing_leaves_a_final_state_and_nothing_returns_to_pending() {
        for from in Status::VARIANTS {
            let word: &str = from.into();
            assert_eq!(word.parse::<Status>().unwrap(), *from);
            assert!(!from.may_become(Status::Pending));
            let ways = Status::VARIANTS
                .iter()
                .filter(|to| from.may_become(**to))
                .count();
            let expected = match from {
                Status::Pending => 4,
                Status::Captured => 1,
                _ => 0,
            };
            assert_eq!(ways, expected, "{from:?}");
        }
    }

    #[test]
    fn a_card_number_is_no_token_and_is_not_repeated() {
        for bad in ["4111111111111111", "tok_", "", "tok_a b", "TOK_VISA"] {
            let error = CardToken::parse(bad).unwrap_err().to_string();
            assert!(bad.len() < 5 || !error.contains(bad), "{error}");
        }
        let token = CardToken::parse("tok_visa").unwrap();
        assert_eq!(format!("{token:?}"), "CardToken(..)");
    }
}
