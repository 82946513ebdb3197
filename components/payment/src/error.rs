//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.

use stoa_service::Invalid;
use stoa_service::money::Money;
use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use uuid::Uuid;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No payment has this id.
    #[error("payment_id: there is no payment {0}")]
    NoPayment(Uuid),
    /// The order has a payment of another amount.
    #[error(
        "amount: {} {} given, but order {order_id} has a payment of {} {}",
        given.amount, given.currency, existing.amount, existing.currency
    )]
    PaymentDiffers {
        /// The order.
        order_id: Uuid,
        /// The amount of the request.
        given: Money,
        /// The amount of the order's payment.
        existing: Money,
    },
    /// The card processor declined the charge. Final for this payment.
    #[error("the card processor declined the payment: {decline_code}")]
    ChargeDeclined {
        /// The payment.
        payment_id: Uuid,
        /// The reason, in the processor's words.
        decline_code: String,
    },
    /// A declined payment cannot be refunded: no money was taken.
    #[error("the card processor declined the payment: {decline_code}")]
    NothingToRefund {
        /// The payment.
        payment_id: Uuid,
        /// The reason of the decline, in the processor's words.
        decline_code: String,
    },
    /// The order's payment was refunded or voided, so it cannot be charged any more.
    #[error("order_id: the payment of order {order_id} is {status}")]
    PaymentClosed {
        /// The order.
        order_id: Uuid,
        /// Its payment.
        payment_id: Uuid,
        /// The payment's status.
        status: &'static str,
    },
    /// The processor's decision is not known yet; a retry looks it up.
    #[error("the payment is not settled yet; try again")]
    Unsettled {
        /// The payment.
        payment_id: Uuid,
        /// The payment's status.
        status: &'static str,
    },
    /// The card processor did not serve a call; a retry may help.
    #[error(transparent)]
    Processor(#[from] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
