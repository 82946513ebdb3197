//! How a payment finds its way out of `pending`: the one function behind a retry, a look and a refund.
//!
//! Intents are written before the processor is asked, and what it answers is written by compare-and-set, so any two
//! requests for one payment, and one that died half-way, end in what the processor did:
//! - a charge carries the payment's id as its reference, of which the processor captures one at most;
//! - before a charge is repeated it is looked up;
//! - once a refund was asked for, no request charges any more: a retry completes the refund instead. A charge that is
//!   still on its way then finds its reference voided, or is itself what gets refunded.

use serde_json::json;
use stoa_service::sql::Database;
use stoa_service::{Context, Problem, log};

use crate::domain::{CardToken, Finding, Payment, Status};
use crate::ports::Processor;
use crate::store;

/// What the caller wants of a payment.
#[derive(Debug, Clone, Copy)]
pub enum Wish<'a> {
    /// To know how it stands. Never charges.
    Look,
    /// That it is charged. `fresh`: this request wrote the intent, so nobody has asked the processor yet.
    Charge {
        /// The card.
        token: &'a CardToken,
        /// Whether the look-up can be left out.
        fresh: bool,
    },
    /// That the money is given back, or never taken.
    Refund,
}

/// Brings `payment` as far as `wish` and the processor go, and answers what it then is. 503 where the processor leaves
/// it open; then nothing was written that is not known.
pub fn settle(
    db: &dyn Database,
    processor: &Processor<'_>,
    context: &Context,
    payment: Payment,
    wish: Wish<'_>,
) -> Result<Payment, Problem> {
    let finding = match wish {
        Wish::Refund => {
            let payment = store::ask_refund(db, &payment)?;
            if !payment.is_open() {
                return Ok(payment);
            }
            processor.refund(&payment)?
        }
        _ if !payment.is_open() => return Ok(payment),
        Wish::Look => processor.look_up(&payment)?,
        Wish::Charge { .. } if payment.refund_asked => processor.refund(&payment)?,
        Wish::Charge { token, fresh } => {
            let known = if fresh {
                Finding::Nothing
            } else {
                processor.look_up(&payment)?
            };
            match known {
                Finding::Nothing => processor.charge(&payment, token)?,
                known => known,
            }
        }
    };
    let (status, decline_code) = finding.status();
    if status == payment.status {
        return Ok(payment);
    }
    let settled = store::record(db, &payment, status, decline_code)?;
    report(context, &payment, &settled, status);
    Ok(settled)
}

fn report(context: &Context, before: &Payment, after: &Payment, found: Status) {
    let fields = json!({"payment_id": after.payment_id, "order_id": after.order_id,
        "from": before.status, "to": after.status, "processor": found});
    // Another request may have gone further meanwhile (captured, then refunded): no contradiction. The rest is.
    if after.status == found || found.may_become(after.status) {
        log::info(context, "payment settled", fields);
    } else {
        log::error(context, "payment and processor disagree", fields);
    }
}
