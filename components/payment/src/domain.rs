//! Types and rules, pure.
//!
//! ```text
//! pending -> captured -> refunded
//!    |   \-> declined
//!    |-----> voided      (called off before the processor had seen it)
//!    \-----> refunded    (captured and refunded before this service knew of either)
//! ```

use serde::Serialize;
use stoa_service::money::Money;
use stoa_service::time::{Millis, rfc3339};
use uuid::Uuid;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The processor may or may not have captured it.
    Pending,
    /// The money is taken.
    Captured,
    /// The processor said no. Final.
    Declined,
    /// Taken and given back. Final.
    Refunded,
    /// Never taken, and never will be. Final.
    Voided,
}

impl Status {
    const ALL: [Self; 5] = [
        Self::Pending,
        Self::Captured,
        Self::Declined,
        Self::Refunded,
        Self::Voided,
    ];

    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Captured => "captured",
            Self::Declined => "declined",
            Self::Refunded => "refunded",
            Self::Voided => "voided",
        }
    }

    /// Reads [`Status::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// Whether a payment may go from here to `to`.
    pub fn may_become(self, to: Self) -> bool {
        match self {
            Self::Pending => to != Self::Pending,
            Self::Captured => to == Self::Refunded,
            Self::Declined | Self::Refunded | Self::Voided => false,
        }
    }
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its identity here, and the reference by which the processor knows it.
    pub payment_id: Uuid,
    /// The order that is paid.
    pub order_id: Uuid,
    /// What is charged.
    pub amount: Money,
    /// Where it stands.
    pub status: Status,
    /// Why the processor said no, in its words.
    pub decline_code: Option<String>,
    /// Somebody wants the money back: from here on it is refunded or voided, never charged.
    pub refund_asked: bool,
    /// When it was begun.
    pub created_at: Millis,
}

impl Payment {
    /// Whether the processor has something to tell that this service does not know.
    pub fn is_open(&self) -> bool {
        match self.status {
            Status::Pending => true,
            Status::Captured => self.refund_asked,
            Status::Declined | Status::Refunded | Status::Voided => false,
        }
    }
}

/// A payment as it is answered.
#[derive(Debug, Serialize)]
pub struct View {
    payment_id: Uuid,
    order_id: Uuid,
    amount: Money,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
    created_at: String,
}

impl From<Payment> for View {
    fn from(payment: Payment) -> Self {
        Self {
            payment_id: payment.payment_id,
            order_id: payment.order_id,
            amount: payment.amount,
            status: payment.status,
            decline_code: payment.decline_code,
            created_at: rfc3339(payment.created_at),
        }
    }
}

/// What the processor knows of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nothing: it was not charged so far.
    Nothing,
    /// Charged.
    Captured,
    /// Refused, and why.
    Declined(String),
    /// Charged and given back.
    Refunded,
    /// Called off before it was charged.
    Voided,
}

impl Finding {
    /// The state that follows, and the decline code.
    pub fn status(&self) -> (Status, Option<&str>) {
        match self {
            Self::Nothing => (Status::Pending, None),
            Self::Captured => (Status::Captured, None),
            Self::Declined(code) => (Status::Declined, Some(code)),
            Self::Refunded => (Status::Refunded, None),
            Self::Voided => (Status::Voided, None),
        }
    }
}

/// What stands for a card: the processor's token. Its value is never logged and never quoted, since a caller may have
/// put a card number there.
#[derive(Clone, PartialEq, Eq)]
pub struct CardToken(String);

impl CardToken {
    /// Takes `tok_` and 1 to 60 letters, digits, `_` or `-`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("tok_").unwrap_or_default();
        let fits = (1..=60).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err("card_token: the value given is not `tok_` and 1 to 60 letters, digits, `_` or `-`; card numbers are not taken".to_owned())
        }
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
        for from in Status::ALL {
            assert_eq!(Status::from_word(from.word()), Some(from));
            assert!(!from.may_become(Status::Pending));
            let ways = Status::ALL
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
            let error = CardToken::parse(bad).unwrap_err();
            assert!(bad.len() < 5 || !error.contains(bad), "{error}");
        }
        let token = CardToken::parse("tok_visa").unwrap();
        assert_eq!(format!("{token:?}"), "CardToken(..)");
    }
}
