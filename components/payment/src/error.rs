//! The errors of this service: one variant for each case that a caller can act on. `http.rs` maps each variant to a status and
//! code.

use stoa_service::Invalid;
use stoa_service::money::Money;
use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use uuid::Uuid;

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value in the request breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No payment has this id.
    #[error("payment_id: payment {0} does not exist")]
    NoPayment(Uuid),
    /// The order already has a payment with a different amount.
    #[error(
        "amount: {} {} given, but order {order_id} already has a payment of {} {}",
        given.amount, given.currency, existing.amount, existing.currency
    )]
    PaymentDiffers {
        /// The order's id.
        order_id: Uuid,
        /// The amount of the request.
        given: Money,
        /// The amount of the order's payment.
        existing: Money,
    },
    /// The card processor declined the charge. A decline is final for its payment.
    #[error("the card processor declined the payment: {decline_code}")]
    ChargeDeclined {
        /// The payment's id.
        payment_id: Uuid,
        /// The processor's reason code for the decline.
        decline_code: String,
    },
    /// A refund was requested for a declined payment. No money was captured, so no money can be refunded.
    #[error(
        "payment_id: cannot refund the payment, because the card processor declined it: {decline_code}"
    )]
    NothingToRefund {
        /// The payment's id.
        payment_id: Uuid,
        /// The processor's reason code for the decline.
        decline_code: String,
    },
    /// The order's payment was refunded or voided, so the order can no longer be charged.
    #[error(
        "order_id: cannot charge order {order_id}, because its payment has the status {status}"
    )]
    PaymentClosed {
        /// The order's id.
        order_id: Uuid,
        /// The id of the order's payment.
        payment_id: Uuid,
        /// The payment's status.
        status: &'static str,
    },
    /// The outcome at the card processor is not known yet. A retry queries the processor again.
    #[error("the outcome of the payment at the card processor is not known yet; try again")]
    Unsettled {
        /// The payment's id.
        payment_id: Uuid,
        /// The payment's status.
        status: &'static str,
    },
    /// A call to the card processor failed. A retry may help.
    #[error(transparent)]
    Processor(#[from] PeerError),
    /// The database failed. A retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
