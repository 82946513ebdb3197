//! Gets a parcel for a shipment, or cancels the shipment, even if a response of the carrier is lost.
//!
//! The service stores its intent before it calls the carrier. It stores the shipment before it requests the parcel, and stores the
//! request to cancel before it cancels the parcel. The carrier makes one parcel for each reference, so a repeated creation returns
//! the first parcel.

use serde_json::json;
use stoa_service::sql::Database;
use stoa_service::{Context, log};

use crate::client::Carrier;
use crate::domain::status::Status;
use crate::domain::{Cancellation, ParcelState, Shipment};
use crate::error::Error;
use crate::store::{cancellation, progress};

/// Gets a parcel for `shipment`, and returns the resulting shipment. `is_new` is true if this request created the shipment. In this
/// case no request has called the carrier yet, so a lookup is not needed.
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
    log_shipment(context, "the request to ship was completed", &created);
    Ok(created)
}

/// Cancels `shipment`, and returns the resulting shipment. A shipment whose parcel is with the carrier stays unchanged. A shipment
/// without a label is cancelled without a call to the carrier, and a call-off is queued ([`crate::call_offs`]).
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
        // The carrier rejected the address, so it never makes a parcel for this shipment.
        None => Cancellation::Cancelled,
    };
    let settled = match outcome {
        Cancellation::Cancelled => cancellation::complete(db, &shipment)?,
        Cancellation::HandedOver => cancellation::withdraw(db, &shipment)?,
    };
    log_shipment(context, "the request to cancel was completed", &settled);
    Ok(settled)
}

fn log_shipment(context: &Context, message: &str, shipment: &Shipment) {
    let fields = json!({"shipment_id": shipment.shipment_id, "order_id": shipment.order_id, "status": shipment.status});
    log::info(context, message, fields);
}
