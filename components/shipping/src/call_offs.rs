//! Call-offs: shipments that were cancelled before the carrier had confirmed a parcel. A queue in the table
//! `shipping_call_offs` informs the carrier afterwards.

use std::time::Duration;

use serde_json::json;
use stoa_service::queue::{Attempt, Queue, Settled};
use stoa_service::sql::Database;
use stoa_service::{Context, log};

use crate::client::Carrier;
use crate::domain::{Cancellation, ParcelState, Shipment};
use crate::error::Error;
use crate::store::{progress, shipments};

/// How long one pass starts new call-offs, so that it ends within a request's time even if the carrier is slow.
const PASS: Duration = Duration::from_secs(15);

/// Wait after a failed attempt. It does not grow: the first failure ends a pass, so an outage costs one call per pass.
const RETRY_WAIT: Duration = Duration::from_secs(5);

fn queue() -> Queue {
    Queue {
        table: "shipping_call_offs".to_owned(),
        id: "shipment_id",
        payload: "shipment_id",
        due_at: "due_at",
        waiting: None,
        done: Settled::Deleted,
        // The carrier may be down for days, and a cancelled parcel must not be sent: retry without end.
        give_up: None,
        // Longer than the two calls of an attempt.
        lease: Duration::from_secs(30),
        first_wait: RETRY_WAIT,
        longest_wait: RETRY_WAIT,
        batch: 20,
        failure_message: "a call-off failed; it will be sent again",
    }
}

/// Sends the due call-offs. Stops with the error of the first one that fails: if the carrier does not respond, the rest
/// waits for the next pass.
pub fn send(db: &dyn Database, carrier: &Carrier<'_>, context: &Context) -> Result<(), Error> {
    let drained = queue().drain(db, context, PASS, |claim| {
        let shipment = shipments::find(db, claim.id)?;
        if call_off(db, carrier, &shipment)? == Cancellation::HandedOver {
            // A parcel without a label was handed over: a person must find out how.
            let fields =
                json!({"shipment_id": shipment.shipment_id, "order_id": shipment.order_id});
            log::error(context, "the carrier has a cancelled parcel", fields);
        }
        Ok(Attempt::Done)
    });
    drained.map(drop)
}

/// It is not known whether the carrier has a parcel, so one is created first. A creation that is still in flight then finds its
/// reference in use, and cannot make a parcel that stays.
fn call_off(
    db: &dyn Database,
    carrier: &Carrier<'_>,
    shipment: &Shipment,
) -> Result<Cancellation, Error> {
    let state = carrier.create(shipment)?;
    progress::record(db, shipment, &state)?;
    match state {
        ParcelState::Made(number) => Ok(carrier.cancel(&number)?),
        ParcelState::Refused | ParcelState::Unknown => Ok(Cancellation::Cancelled),
    }
}
