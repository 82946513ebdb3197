//! Handlers for parcels: customers track a parcel, and the carrier reports the new statuses of the parcel.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stoa_service::route::{Answer, json};
use stoa_service::{Request, log, time};

use crate::app::App;
use crate::domain::report::{HistoryEntry, Report};
use crate::domain::status::Status;
use crate::error::Error;
use crate::signature;
use crate::store::{history, progress, shipments};

#[derive(Serialize)]
struct Tracking<'a> {
    tracking_number: &'a str,
    status: Status,
    events: Vec<HistoryEntry>,
}

/// Returns the status and the history of a parcel to anyone who has the tracking number. The response contains no data of the
/// customer.
pub(super) fn track(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let tracking_number = request.param("tracking_number");
    let shipment = shipments::find_by_tracking_number(&*app.db, tracking_number)?;
    let tracking = Tracking {
        tracking_number,
        status: shipment.status,
        events: history::list(&*app.db, shipment.shipment_id)?,
    };
    json(StatusCode::OK, &tracking)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CarrierEvent {
    event_id: String,
    status: Status,
    at: String,
    #[serde(default)]
    note: Option<String>,
}

pub(super) fn accept_report(app: &App, request: &Request) -> Answer {
    signature::verify(
        &app.config.carrier_secret,
        request.header("x-carrier-signature"),
        request.body(),
        time::now() / 1000,
    )
    .map_err(Error::from)?;
    request.query([])?;
    let shipment_id = request.id_param("shipment_id")?;
    let event: CarrierEvent = request.json()?;
    let report = Report::new(event.event_id, event.status, &event.at, event.note)?;
    let (shipment, event_added) = progress::accept_report(&*app.db, shipment_id, &report)?;
    if event_added {
        app.outbox_dirty.set(true);
        let fields = json!({"shipment_id": shipment_id, "order_id": shipment.order_id, "status": shipment.status});
        log::info(request.context(), "the shipment's status changed", fields);
    }
    json(StatusCode::OK, &json!({"status": shipment.status}))
}
