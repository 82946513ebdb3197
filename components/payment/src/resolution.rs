//! Resolves a pending payment. One function serves retries, lookups and refunds.
//!
//! The service writes an intent before it calls the processor, and writes the processor's response by compare-and-set. So the
//! stored payment ends in the processor's state, even after concurrent requests and after a request that died half-way:
//! - A charge carries the payment's id as its reference, and the processor captures a reference at most once.
//! - A retry looks a charge up before it charges again.
//! - After a request to refund, no request charges any more, and a retry completes the refund. A charge that is still in flight is
//!   either rejected, because its reference is voided, or refunded.

use serde_json::json;
use stoa_service::sql::Database;
use stoa_service::{Context, log};

use crate::client::Processor;
use crate::domain::{CardToken, ChargeState, Payment, Status};
use crate::error::Error;
use crate::store;

/// The status that a caller wants for a payment.
#[derive(Debug, Clone, Copy)]
pub enum Goal<'a> {
    /// The caller only reads the current status. A lookup never charges the card.
    LookUp,
    /// The caller wants the payment to be charged.
    Charge {
        /// The token of the card to charge.
        token: &'a CardToken,
        /// True if this request has just created the payment. No earlier request can then have called the processor, so a lookup is
        /// not needed.
        is_new: bool,
    },
    /// The caller wants the money to be refunded, or the payment to be closed without a charge.
    Refund,
}

/// Brings `payment` as close to `goal` as the processor allows, and returns the resulting payment. If the outcome is unknown,
/// returns an error and stores only confirmed facts.
pub fn resolve_payment(
    db: &dyn Database,
    processor: &Processor<'_>,
    context: &Context,
    payment: Payment,
    goal: Goal<'_>,
) -> Result<Payment, Error> {
    let state = match goal {
        Goal::Refund => {
            let payment = store::request_refund(db, &payment)?;
            if !payment.is_unsettled() {
                return Ok(payment);
            }
            processor.refund(&payment)?
        }
        _ if !payment.is_unsettled() => return Ok(payment),
        Goal::LookUp => processor.look_up(&payment)?,
        Goal::Charge { .. } if payment.refund_requested => processor.refund(&payment)?,
        Goal::Charge { token, is_new } => {
            let known = if is_new {
                ChargeState::Unknown
            } else {
                processor.look_up(&payment)?
            };
            match known {
                ChargeState::Unknown => processor.charge(&payment, token)?,
                known => known,
            }
        }
    };
    let (status, decline_code) = state.payment_status();
    if status == payment.status {
        return Ok(payment);
    }
    let settled = store::record_status(db, &payment, status, decline_code)?;
    log_settlement(context, &payment, &settled, status);
    Ok(settled)
}

fn log_settlement(context: &Context, before: &Payment, after: &Payment, at_processor: Status) {
    let fields = json!({"payment_id": after.payment_id, "order_id": after.order_id,
        "from": before.status, "to": after.status, "processor": at_processor});
    // Another request may have stored a later status in the meantime, for example refunded after captured. Any other difference
    // between the stored status and the processor's status is an inconsistency.
    if after.status == at_processor || at_processor.may_become(after.status) {
        log::info(context, "payment settled", fields);
    } else {
        log::error(
            context,
            "the stored payment contradicts the card processor's record",
            fields,
        );
    }
}
