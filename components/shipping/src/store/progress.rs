//! Updates a shipment from the carrier's responses and reports.

use serde_json::json;
use stoa_service::outbox::{self, Event};
use stoa_service::sql::{Database, transaction};
use stoa_service::{params, time};
use uuid::Uuid;

use super::history;
use super::schema::SCHEMA;
use super::shipments::find;
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::domain::{ParcelState, Shipment};
use crate::error::Error;

/// Stores what the carrier did for a shipment, according to the carrier's response. Returns the resulting shipment.
pub fn record(
    db: &dyn Database,
    shipment: &Shipment,
    state: &ParcelState,
) -> Result<Shipment, Error> {
    let shipment_id = shipment.shipment_id;
    transaction(db, shipment_id, || {
        match state {
            ParcelState::Unknown => {}
            ParcelState::Refused => {
                history::advance(db, shipment_id, Status::Refused)?;
            }
            ParcelState::Made(number) => {
                let first = db.execute(
                    "UPDATE shipping_shipments SET tracking_number = $1, updated_at = $2
                     WHERE shipment_id = $3 AND tracking_number IS NULL RETURNING shipment_id",
                    params![number, time::now(), shipment_id],
                )?;
                // If a report has arrived before the carrier's response, the stored status is already further than `created`, and
                // stays unchanged.
                history::advance(db, shipment_id, Status::Created)?;
                let known = find(db, shipment_id)?;
                // A shipment that was cancelled meanwhile gets no entry `created` in its history.
                if !first.is_empty() && known.status != Status::Cancelled {
                    history::add_own_action(db, shipment_id, Status::Created)?;
                }
            }
        }
        find(db, shipment_id)
    })
}

/// Stores a report of the carrier. Returns the resulting shipment, and whether an event was added to the outbox. Only a new report
/// that changes the status causes an event.
pub fn accept_report(
    db: &dyn Database,
    shipment_id: Uuid,
    report: &Report,
) -> Result<(Shipment, bool), Error> {
    transaction(db, shipment_id, || {
        find(db, shipment_id)?;
        if !history::add(db, shipment_id, report)? {
            // The carrier's signature does not cover the path of the request. Without this check, a report for one parcel could
            // change another shipment.
            if history::find_shipment_of_event(db, &report.event_id)? != Some(shipment_id) {
                return Err(Error::EventOfAnotherShipment);
            }
            return Ok((find(db, shipment_id)?, false));
        }
        let is_further = history::advance(db, shipment_id, report.status)?;
        let shipment = find(db, shipment_id)?;
        let Some(kind) = report.status.event().filter(|_| is_further) else {
            return Ok((shipment, false));
        };
        let event = Event {
            kind,
            subject: shipment.order_id.to_string(),
            data: json!({"order_id": shipment.order_id, "shipment_id": shipment_id,
                "tracking_number": &shipment.tracking_number, "status": shipment.status}),
        };
        outbox::enqueue(db, SCHEMA.service, &event)?;
        Ok((shipment, true))
    })
}
