//! The carrier: one parcel a reference, moved by `advance`, which reports to the shop by a signed webhook.

use hmac::{Hmac, Mac};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::outbound::{Call, PeerError};
use stoa_service::page::{self, Page};
use stoa_service::problem::Problem;
use stoa_service::request::Request;
use stoa_service::route::{Answer, Response, json};
use stoa_service::sql::{Database, Row, SqlError, transaction};
use stoa_service::time::{self, Millis, rfc3339};
use stoa_service::{id, params, text};
use uuid::Uuid;

use crate::http::App;
use crate::script::played;
use crate::store::{check_reference, check_text, keep_key, key, list_of_reference};

const PARTNER: &str = "carrier";
/// A country that is not served.
const NOT_SERVED: &str = "XX";

#[derive(Debug, Serialize)]
struct Parcel {
    tracking_number: String,
    reference: String,
    status: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    name: String,
    street: String,
    city: String,
    postal_code: String,
    country: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: String,
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewParcel {
    reference: String,
    address: Address,
    lines: Vec<Line>,
}

pub(crate) fn create(app: &App, request: &Request) -> Answer {
    played(app, PARTNER, || {
        request.query([])?;
        let key = key(PARTNER, request)?;
        let new: NewParcel = request.json()?;
        check(&new)?;
        let db = &*app.db;
        let parcel = transaction(db, &new.reference, || {
            keep_key(db, &key)?;
            let text = |value: Result<String, serde_json::Error>| {
                value.map_err(|e| Problem::invalid(format!("body: {e}")))
            };
            db.execute(
                "INSERT INTO partners_parcels (tracking_number, reference, address, lines, status, created_at)
                 VALUES ($1, $2, $3, $4, 'created', $5) ON CONFLICT (reference) DO NOTHING",
                params![
                    tracking_number(),
                    &new.reference,
                    text(serde_json::to_string(&new.address))?,
                    text(serde_json::to_string(&new.lines))?,
                    time::now()
                ],
            )?;
            find(db, &new.reference)?
                .ok_or_else(|| Problem::not_found("reference: the parcel is gone"))
        })?;
        json(StatusCode::CREATED, &parcel)
    })
}

fn check(new: &NewParcel) -> Result<(), Problem> {
    check_reference(&new.reference)?;
    let address = &new.address;
    for (field, text) in [
        ("address.name", &address.name),
        ("address.street", &address.street),
        ("address.city", &address.city),
        ("address.postal_code", &address.postal_code),
        ("address.country", &address.country),
    ] {
        check_text(field, text, 1000)?;
    }
    if new.lines.is_empty() || new.lines.iter().any(|l| l.sku.is_empty() || l.quantity < 1) {
        return Err(Problem::invalid(
            "lines: expected at least one, each with a SKU and a quantity of 1 or more",
        ));
    }
    if address.country == NOT_SERVED {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "address_refused",
            format!("address.country: `{NOT_SERVED}` is not served"),
        ));
    }
    Ok(())
}

/// `PX` and 16 digits of the random half of an identifier: nobody guesses the next one.
fn tracking_number() -> String {
    let id = id::new().simple().to_string().to_uppercase();
    format!("PX{}", id.get(16..).unwrap_or(&id))
}

pub(crate) fn list(app: &App, request: &Request) -> Answer {
    played(app, PARTNER, || {
        list_of_reference(request, |reference| find(&*app.db, reference))
    })
}

/// Every parcel, by its reference. An oracle of the tests: never scripted.
pub(crate) fn book(app: &App, request: &Request) -> Answer {
    let [limit, token] = request.query(["limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    let parcels = app
        .db
        .execute(
            "SELECT tracking_number, reference, status FROM partners_parcels
             WHERE reference > $1 ORDER BY reference LIMIT $2",
            params![&after, limit + 1],
        )?
        .map(parcel)?;
    json(
        StatusCode::OK,
        &Page::new(parcels, limit, |parcel| parcel.reference.clone()),
    )
}

pub(crate) fn cancel(app: &App, request: &Request) -> Answer {
    played(app, PARTNER, || {
        request.query([])?;
        let tracking_number = request.param("tracking_number");
        app.db.execute(
            "UPDATE partners_parcels SET status = 'cancelled' WHERE tracking_number = $1 AND status = 'created'",
            params![tracking_number],
        )?;
        let parcel = known(&*app.db, tracking_number)?;
        if parcel.status == "cancelled" {
            return json(StatusCode::OK, &parcel);
        }
        Err(handed_over(&parcel))
    })
}

fn handed_over(parcel: &Parcel) -> Problem {
    let Parcel {
        tracking_number,
        status,
        ..
    } = parcel;
    Problem::conflict(
        "handed_over",
        format!("tracking_number: {tracking_number} was picked up and is {status}"),
    )
}

/// What can happen to a parcel after its label was printed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Move {
    PickedUp,
    InTransit,
    OutForDelivery,
    Delivered,
    Returned,
    Cancelled,
}

impl Move {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::PickedUp => ("picked_up", "The parcel was picked up at the sender's"),
            Self::InTransit => ("in_transit", "The parcel is on its way"),
            Self::OutForDelivery => ("out_for_delivery", "The parcel is in the van"),
            Self::Delivered => ("delivered", "The parcel was handed over"),
            Self::Returned => ("returned", "The parcel goes back to the sender"),
            Self::Cancelled => ("cancelled", "The carrier called the parcel off"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    status: Move,
}

/// Moves the parcel and reports it; answers what the shop answered. The same move again is the same event, sent again.
/// A control of the scene, so it is never scripted.
pub(crate) fn advance(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let tracking_number = request.param("tracking_number");
    let Advance { status } = request.json()?;
    let (word, note) = status.words();
    let db = &*app.db;
    let (parcel, event_id, at) =
        transaction(db, tracking_number, || move_to(db, tracking_number, word))?;
    let body =
        serde_json::json!({"event_id": event_id, "status": word, "at": rfc3339(at), "note": note});
    let body = body.to_string();
    let seconds = time::now() / 1000;
    let mut call = Call::new(
        request.context(),
        Method::POST,
        &app.config.webhook_url,
        &format!("/shipments/{}/events", parcel.reference),
    )
    .header("content-type", "application/json")
    .header(
        "x-carrier-signature",
        &format!(
            "t={seconds},v1={}",
            sign(&app.config.carrier_secret, seconds, body.as_bytes())?
        ),
    );
    call.body = body.into_bytes();
    let reply = app
        .outbound
        .send(call)
        .map_err(|source| PeerError::Unreachable {
            peer: "the shop",
            source,
        })?;
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    if let Some(kind) = reply.headers.get(http::header::CONTENT_TYPE) {
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, kind.clone());
    }
    Ok(response)
}

fn move_to(
    db: &dyn Database,
    tracking_number: &str,
    status: &str,
) -> Result<(Parcel, Uuid, Millis), Problem> {
    let parcel = known(db, tracking_number)?;
    if status == "cancelled" && !matches!(parcel.status.as_str(), "created" | "cancelled") {
        return Err(handed_over(&parcel));
    }
    let moved = db.execute(
        "UPDATE partners_parcels SET status = $1 WHERE tracking_number = $2 AND status = $3 AND (status <> 'cancelled' OR status = $1)
         RETURNING reference",
        params![status, tracking_number, &parcel.status],
    )?;
    if moved.is_empty() {
        return Err(Problem::conflict(
            "parcel_cancelled",
            format!("tracking_number: {tracking_number} was cancelled and does not move"),
        ));
    }
    db.execute(
        "INSERT INTO partners_parcel_events (event_id, tracking_number, status, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tracking_number, status) DO NOTHING",
        params![id::new(), tracking_number, status, time::now()],
    )?;
    let event = db
        .execute(
            "SELECT event_id, at FROM partners_parcel_events WHERE tracking_number = $1 AND status = $2",
            params![tracking_number, status],
        )?
        .one(|row| Ok((row.get(0)?, row.get(1)?)))?;
    let (event_id, at) = event.ok_or_else(|| Problem::not_found("status: the event is gone"))?;
    Ok((parcel, event_id, at))
}

/// HMAC-SHA256 over `<seconds>.<body>`, in hexadecimal.
fn sign(secret: &str, seconds: i64, body: &[u8]) -> Result<String, Problem> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|e| Problem::unavailable("a report cannot be signed").caused_by(e.to_string()))?;
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    Ok(mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect())
}

fn find(db: &dyn Database, reference: &str) -> Result<Option<Parcel>, SqlError> {
    db.execute(
        "SELECT tracking_number, reference, status FROM partners_parcels WHERE reference = $1",
        params![reference],
    )?
    .one(parcel)
}

fn known(db: &dyn Database, tracking_number: &str) -> Result<Parcel, Problem> {
    db.execute(
        "SELECT tracking_number, reference, status FROM partners_parcels WHERE tracking_number = $1",
        params![tracking_number],
    )?
    .one(parcel)?
    .ok_or_else(|| {
        Problem::not_found(format!(
            "tracking_number: `{}` is not known",
            text::shorten(tracking_number)
        ))
    })
}

fn parcel(row: Row<'_>) -> Result<Parcel, SqlError> {
    Ok(Parcel {
        tracking_number: row.get(0)?,
        reference: row.get(1)?,
        status: row.get(2)?,
    })
}
