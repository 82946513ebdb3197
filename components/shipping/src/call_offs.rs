//! Call-offs. A call-off is a request to the carrier to cancel a shipment that the shop cancelled before the shipment had a label.
//! Call-offs wait in a queue, in the table `shipping_call_offs`.

use std::time::Duration;

use serde_json::json;
use stoa_service::queue::{Attempt, Queue, Settled};
use stoa_service::sql::Database;
use stoa_service::{Context, log};

use crate::client::Carrier;
use crate::domain::{Cancellation, ParcelState, Shipment};
use crate::error::Error;
use crate::store::{progress, shipments};

/// The time after which [`send`] starts no further call-off. So [`send`] ends before the request that calls it times out, even if
/// the carrier is slow.
const SEND_BUDGET: Duration = Duration::from_secs(15);

/// The longest wait after a failed attempt. It does not grow with further failures, because [`send`] stops at the first failure. So
/// each run makes only one attempt during an outage.
const RETRY_WAIT: Duration = Duration::from_secs(5);

fn queue() -> Queue {
    Queue {
        table: "shipping_call_offs".to_owned(),
        id: "shipment_id",
        payload: "shipment_id",
        due_at: "due_at",
        waiting: None,
        done: Settled::Deleted,
        // Call-offs are retried without end, because the carrier may be down for days, and a cancelled parcel must not be sent.
        give_up: None,
        // The claim lasts longer than the two calls of one attempt can take, so that no other worker sends the call-off at the same
        // time.
        lease: Duration::from_secs(30),
        first_wait: RETRY_WAIT,
        longest_wait: RETRY_WAIT,
        batch: 20,
        failure_message: "the carrier did not accept a call-off; the call-off will be sent again",
    }
}

/// Sends the due call-offs. After the first call-off that fails, sends no further call-off and returns the error, because the
/// carrier is probably down. The failed call-off and all further call-offs stay in the queue.
pub fn send(db: &dyn Database, carrier: &Carrier<'_>, context: &Context) -> Result<(), Error> {
    let drained = queue().drain(db, context, SEND_BUDGET, |claim| {
        let shipment = shipments::find(db, claim.id)?;
        if call_off(db, carrier, &shipment)? == Cancellation::HandedOver {
            // The carrier has the parcel, although the shipment had no label when the shop cancelled the shipment. This must never
            // happen, so a person must find the cause.
            let fields =
                json!({"shipment_id": shipment.shipment_id, "order_id": shipment.order_id});
            log::error(
                context,
                "the carrier has a parcel whose shipment was cancelled",
                fields,
            );
        }
        Ok(Attempt::Done)
    });
    drained.map(drop)
}

/// Makes the carrier create the parcel and then cancel it, because this service does not know whether the carrier has already
/// created the parcel. An earlier request to create the parcel may still be in flight. When it arrives, the carrier finds the
/// cancelled parcel by its reference, and makes no second parcel.
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
