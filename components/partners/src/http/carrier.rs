//! The routes of the carrier.

use http::{StatusCode, header};
use serde::Deserialize;
use stoa_service::Request;
use stoa_service::page::Page;
use stoa_service::route::{Answer, Response, json};

use super::requests::{PageRequest, idempotency_key, list_by_reference};
use super::scripted::with_script;
use crate::app::App;
use crate::domain::carrier::{NewParcel, ParcelStatus};
use crate::domain::script::Partner;
use crate::error::Error;
use crate::store::carrier;

pub(super) fn create(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Carrier, || {
        request.query([])?;
        let key = idempotency_key(Partner::Carrier, request)?;
        let new: NewParcel = request.json()?;
        new.check()?;
        json(StatusCode::CREATED, &carrier::create(&*app.db, &key, &new)?)
    })
}

pub(super) fn list(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Carrier, || {
        list_by_reference(request, |reference| carrier::find(&*app.db, reference))
    })
}

/// Lists all parcels, sorted by reference. Scripts never apply, because tests use this list as the oracle.
pub(super) fn book(app: &App, request: &Request) -> Answer {
    let [limit, token] = request.query(["limit", "page_token"])?;
    let PageRequest { after, limit } = PageRequest::read(limit, token)?;
    let parcels = carrier::list(&*app.db, &after, limit + 1)?;
    json(
        StatusCode::OK,
        &Page::new(parcels, limit, |parcel| parcel.reference.clone()),
    )
}

pub(super) fn cancel(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Carrier, || {
        request.query([])?;
        let parcel = carrier::cancel(&*app.db, request.param("tracking_number"))?;
        json(StatusCode::OK, &parcel.cancelled()?)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    status: ParcelStatus,
}

/// Changes a parcel's status, reports the change to the shop, and returns the shop's response. A repeated change sends the same
/// report again. Scripts never apply, because tests use this route to move parcels.
pub(super) fn advance(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let Advance { status } = request.json()?;
    let report = carrier::advance(&*app.db, request.param("tracking_number"), status)?;
    let receiver = app.report_receiver(request.context());
    let reply = receiver.send(&report).map_err(Error::from)?;
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    if let Some(kind) = reply.headers.get(header::CONTENT_TYPE) {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, kind.clone());
    }
    Ok(response)
}
