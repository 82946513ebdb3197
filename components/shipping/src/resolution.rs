//! How a shipment gets its parcel, or is cancelled, even if a response of the carrier is lost.
//!
//! Intents are written before the carrier is called: the shipment itself, and the request to cancel it. The carrier makes
//! one parcel per reference, so a repeated creation finds the first one.

use serde_json::json;
use stoa_service::sql::Database;
use stoa_service::{Context, log};

use crate::client::Carrier;
use crate::domain::status::Status;
use crate::domain::{Cancellation, ParcelState, Shipment};
use crate::error::Error;
use crate::store::{cancellation, progress};

/// Gets a parcel for `shipment`, and returns the resulting shipment. `is_new`: this request wrote the intent, so no request has called
/// the carrier yet, and there is nothing to look up.
pub fn resolve_shipment(
    db: &dyn Database,
    carrier: &Carrier<'_>,
    context: &Context,
    shipment: Shipment,
    is_new: bool,
) -> Result<Shipment, Error> {
    if matches!(shipment.status, Status::Cancelled | Status::Refused) {
        return Ok(shipment);
    }
    if shipment.cancel_requested {
        return cancel_shipment(db, carrier, context, shipment);
    }
    if shipment.tracking_number.is_some() {
        return Ok(shipment);
    }
    let known = if is_new {
        ParcelState::Unknown
    } else {
        carrier.look_up(&shipment)?
    };
    let state = match known {
        ParcelState::Unknown => carrier.create(&shipment)?,
        known => known,
    };
    let created = progress::record(db, &shipment, &state)?;
    report(context, "shipment settled", &created);
    Ok(created)
}

/// Cancels `shipment`, and returns the result; a shipment that the carrier has stays as it is. A shipment without a label is cancelled
/// without a call to the carrier, which is informed afterwards ([`crate::call_offs`]).
pub fn cancel_shipment(
    db: &dyn Database,
    carrier: &Carrier<'_>,
    context: &Context,
    shipment: Shipment,
) -> Result<Shipment, Error> {
    let shipment = cancellation::request(db, &shipment)?;
    if shipment.status == Status::Cancelled || shipment.status.is_handed_over() {
        return Ok(shipment);
    }
    let outcome = match &shipment.tracking_number {
        Some(number) => carrier.cancel(number)?,
        // The carrier refused the address: there is no parcel, and there will be none.
        None => Cancellation::Cancelled,
    };
    let settled = match outcome {
        Cancellation::Cancelled => cancellation::complete(db, &shipment)?,
        Cancellation::HandedOver => cancellation::withdraw(db, &shipment)?,
    };
    report(context, "shipment called off", &settled);
    Ok(settled)
}

fn report(context: &Context, message: &str, shipment: &Shipment) {
    let fields = json!({"shipment_id": shipment.shipment_id, "order_id": shipment.order_id, "status": shipment.status});
    log::info(context, message, fields);
}
