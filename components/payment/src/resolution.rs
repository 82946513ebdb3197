//! How a payment leaves `pending`: one function serves retries, lookups and refunds.
//!
//! Intents are written before the processor is called, and its answer is written by compare-and-set. So any two
//! requests for one payment, and a request that died half-way, end in the processor's state:
//! - a charge carries the payment's id as its reference, and the processor captures a reference once at most;
//! - a charge is looked up before it is repeated;
//! - once a refund was requested, no request charges any more: a retry completes the refund instead. A charge that is
//!   still in flight then finds its reference voided, or is itself refunded.

use serde_json::json;
use stoa_service::sql::Database;
use stoa_service::{Context, log};

use crate::client::Processor;
use crate::domain::{CardToken, ChargeState, Payment, Status};
use crate::error::Error;
use crate::store;

/// The caller's goal for a payment.
#[derive(Debug, Clone, Copy)]
pub enum Goal<'a> {
    /// Its current status. Never charges.
    LookUp,
    /// The payment is charged.
    Charge {
        /// The card.
        token: &'a CardToken,
        /// This request wrote the intent, so no request has called the processor yet, and there is nothing to look up.
        is_new: bool,
    },
    /// The money is refunded, or never taken.
    Refund,
}

/// Brings `payment` as close to `goal` as the processor allows, and returns the result. An undecided outcome
/// is an error; only known facts were written then.
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
            if !payment.is_open() {
                return Ok(payment);
            }
            processor.refund(&payment)?
        }
        _ if !payment.is_open() => return Ok(payment),
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
    let settled = store::record(db, &payment, status, decline_code)?;
    report(context, &payment, &settled, status);
    Ok(settled)
}

fn report(context: &Context, before: &Payment, after: &Payment, at_processor: Status) {
    let fields = json!({"payment_id": after.payment_id, "order_id": after.order_id,
        "from": before.status, "to": after.status, "processor": at_processor});
    // Another request may have advanced it meanwhile (captured, then refunded): that is consistent. Any other difference is not.
    if after.status == at_processor || at_processor.may_become(after.status) {
        log::info(context, "payment settled", fields);
    } else {
        log::error(context, "payment and processor disagree", fields);
    }
}
