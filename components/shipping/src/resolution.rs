//! How a shipment gets its parcel, or is called off, whatever answer of the carrier is lost.
//!
//! Intents are written before the carrier is asked: the shipment itself, and the wish to call it off. The carrier makes
//! one parcel a reference, so a repeated creation finds the first one, whoever repeats it.

use serde_json::json;
use stoa_service::sql::Database;
use stoa_service::time::{self, Millis};
use stoa_service::{Context, Problem, log};

use crate::domain::{Shipment, Status};
use crate::ports::{Cancellation, Carrier, Finding};
use crate::store;

/// Brings `shipment` to its parcel. `fresh`: this request wrote the intent, so nobody has asked the carrier yet.
/// 503 where the carrier leaves it open.
pub fn create(
    db: &dyn Database,
    carrier: &Carrier<'_>,
    context: &Context,
    shipment: Shipment,
    fresh: bool,
) -> Result<Shipment, Problem> {
    if matches!(shipment.status, Status::Cancelled | Status::Refused) {
        return Ok(shipment);
    }
    if shipment.cancel_asked {
        return cancel(db, carrier, context, shipment);
    }
    if shipment.tracking_number.is_some() {
        return Ok(shipment);
    }
    let known = if fresh {
        Finding::Nothing
    } else {
        carrier.look_up(&shipment)?
    };
    let finding = match known {
        Finding::Nothing => carrier.create(&shipment)?,
        known => known,
    };
    let created = store::record(db, &shipment, &finding)?;
    report(context, "shipment settled", &created);
    Ok(created)
}

/// Calls `shipment` off; what is already in the carrier's hands stays as it is. One that has no label yet is cancelled
/// without a word to the carrier, who is told afterwards by [`tell_call_offs`].
pub fn cancel(
    db: &dyn Database,
    carrier: &Carrier<'_>,
    context: &Context,
    shipment: Shipment,
) -> Result<Shipment, Problem> {
    let shipment = store::ask_cancel(db, &shipment)?;
    if shipment.status == Status::Cancelled || shipment.status.is_handed_over() {
        return Ok(shipment);
    }
    let outcome = match &shipment.tracking_number {
        Some(number) => carrier.cancel(number)?,
        // Refused: there is no parcel, and there will be none.
        None => Cancellation::Cancelled,
    };
    let settled = match outcome {
        Cancellation::Cancelled => store::cancelled(db, &shipment)?,
        Cancellation::HandedOver => store::cannot_cancel(db, &shipment)?,
    };
    report(context, "shipment called off", &settled);
    Ok(settled)
}

/// How many call-offs one pass tells the carrier of.
const AT_ONCE: u32 = 20;
/// How long a pass is at work on one before another takes it: longer than two calls.
const LEASE: Millis = 30_000;
/// How long one that did not get through waits.
const RETRY: Millis = 5_000;

/// Tells the carrier of what was called off while it had not confirmed it. Stops where the carrier does not answer: the
/// rest waits for the next pass.
pub fn tell_call_offs(
    db: &dyn Database,
    carrier: &Carrier<'_>,
    context: &Context,
) -> Result<(), Problem> {
    for (shipment_id, due_at) in store::call_offs(db, AT_ONCE)? {
        let lease = time::now() + LEASE;
        if !store::put_off_call_off(db, shipment_id, due_at, lease)? {
            continue;
        }
        let shipment = store::find(db, shipment_id)?;
        let told = tell_call_off(db, carrier, &shipment);
        if told.is_err() {
            store::put_off_call_off(db, shipment_id, lease, time::now() + RETRY)?;
        }
        if told? == Cancellation::HandedOver {
            // Without a label: somebody has to look at how that could be.
            let fields = json!({"shipment_id": shipment_id, "order_id": shipment.order_id});
            log::error(context, "the carrier has a cancelled parcel", fields);
        }
        store::called_off(db, shipment_id)?;
    }
    Ok(())
}

/// Whether the carrier has a parcel is not known, so one is made first: a creation that is still on its way then finds its
/// reference taken, and cannot make a parcel that nobody calls off.
fn tell_call_off(
    db: &dyn Database,
    carrier: &Carrier<'_>,
    shipment: &Shipment,
) -> Result<Cancellation, Problem> {
    let finding = carrier.create(shipment)?;
    store::record(db, shipment, &finding)?;
    match finding {
        Finding::Parcel(number) => carrier.cancel(&number),
        Finding::Refused | Finding::Nothing => Ok(Cancellation::Cancelled),
    }
}

fn report(context: &Context, what: &str, shipment: &Shipment) {
    log::info(
        context,
        what,
        json!({"shipment_id": shipment.shipment_id, "order_id": shipment.order_id, "status": shipment.status}),
    );
}
