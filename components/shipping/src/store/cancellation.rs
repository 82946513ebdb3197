//! Stores cancellations and withdrawals of cancellations.

use stoa_service::sql::{Database, Value, placeholders, transaction};
use stoa_service::{params, time};
use uuid::Uuid;

use super::history;
use super::shipments::find;
use crate::domain::Shipment;
use crate::domain::status::Status;
use crate::error::Error;

/// Records that a cancellation was requested. Returns the resulting shipment.
///
/// A shipment without a tracking number has no label, and a parcel without a label cannot be handed over. Such a shipment is
/// cancelled at once, and a call-off to the carrier is queued ([`crate::call_offs`]).
pub fn request(db: &dyn Database, shipment: &Shipment) -> Result<Shipment, Error> {
    let shipment_id = shipment.shipment_id;
    transaction(db, shipment_id, || {
        let mut values = params![time::now(), shipment_id].to_vec();
        let cancellable = Status::Cancelled.predecessors();
        values.extend(cancellable.map(|from| Value::from(<&str>::from(from))));
        let statement = format!(
            "UPDATE shipping_shipments SET cancel_asked = 1, updated_at = $1 WHERE shipment_id = $2 AND cancel_asked = 0
             AND status IN ({})",
            placeholders(3, values.len() - 2)
        );
        db.execute(&statement, &values)?;
        let requested = find(db, shipment_id)?;
        if requested.tracking_number.is_some() || !requested.status.awaits_parcel() {
            return Ok(requested);
        }
        db.execute(
            "INSERT INTO shipping_call_offs (shipment_id, due_at) VALUES ($1, $2)",
            params![shipment_id, time::now()],
        )?;
        cancel(db, shipment_id)
    })
}

/// Records that the carrier has cancelled the parcel. Returns the resulting shipment.
pub fn complete(db: &dyn Database, shipment: &Shipment) -> Result<Shipment, Error> {
    let shipment_id = shipment.shipment_id;
    transaction(db, shipment_id, || cancel(db, shipment_id))
}

fn cancel(db: &dyn Database, shipment_id: Uuid) -> Result<Shipment, Error> {
    if history::advance(db, shipment_id, Status::Cancelled)? {
        history::add_own_action(db, shipment_id, Status::Cancelled)?;
    }
    find(db, shipment_id)
}

/// Withdraws the request to cancel, because the carrier already has the parcel. The carrier's report may still be in flight.
/// Returns the resulting shipment.
pub fn withdraw(db: &dyn Database, shipment: &Shipment) -> Result<Shipment, Error> {
    db.execute(
        "UPDATE shipping_shipments SET cancel_asked = 0, updated_at = $1 WHERE shipment_id = $2",
        params![time::now(), shipment.shipment_id],
    )?;
    find(db, shipment.shipment_id)
}
