//! How a shipment gets its parcel, or is called off, whatever answer of the carrier is lost.
//!
//! Intents are written before the carrier is asked: the shipment itself, and the wish to call it off. The carrier makes
//! one parcel a reference, so a repeated creation finds the first one, whoever repeats it.

use serde_json::json;
use stoa_service::sql::Database;
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

/// Calls `shipment` off; what is already in the carrier's hands stays as it is.
///
/// Where it is not known whether there is a parcel, one is made first: so a creation that is still on its way finds its
/// reference taken, and cannot make a parcel that nobody calls off.
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
    let shipment = match (&shipment.tracking_number, shipment.status) {
        (None, Status::Pending | Status::Created) => {
            store::record(db, &shipment, &carrier.create(&shipment)?)?
        }
        _ => shipment,
    };
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

fn report(context: &Context, what: &str, shipment: &Shipment) {
    log::info(
        context,
        what,
        json!({"shipment_id": shipment.shipment_id, "order_id": shipment.order_id, "status": shipment.status}),
    );
}
