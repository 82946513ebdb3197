//! The carrier's parcels.

use stoa_service::idempotency::Key;
use stoa_service::sql::{Database, Row, SqlError, transaction};
use stoa_service::{Invalid, id, params, time};

use super::keys;
use crate::domain::carrier::{NewParcel, Parcel, ParcelStatus, Report};
use crate::error::Error;

/// Makes the parcel of a reference, once.
pub fn create(db: &dyn Database, key: &Key<'_>, new: &NewParcel) -> Result<Parcel, Error> {
    let text = |value: Result<String, serde_json::Error>| {
        value.map_err(|error| Invalid::new(format!("body: {error}")))
    };
    transaction(db, &new.reference, || {
        keys::keep(db, key)?;
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
        let parcel = find(db, &new.reference)?;
        let gone = || SqlError::Other(format!("parcel {} is gone", new.reference));
        Ok(parcel.ok_or_else(gone)?)
    })
}

/// `PX` and 16 digits from the random half of an identifier, so that the next number cannot be guessed.
fn tracking_number() -> String {
    let id = id::new().simple().to_string().to_uppercase();
    format!("PX{}", id.get(16..).unwrap_or(&id))
}

/// Cancels a parcel that was not picked up. Returns the resulting parcel.
pub fn cancel(db: &dyn Database, tracking_number: &str) -> Result<Parcel, Error> {
    db.execute(
        "UPDATE partners_parcels SET status = 'cancelled' WHERE tracking_number = $1 AND status = 'created'",
        params![tracking_number],
    )?;
    known(db, tracking_number)
}

/// Changes a parcel's status, and returns the report of the change. The same change again has the same report.
pub fn advance(
    db: &dyn Database,
    tracking_number: &str,
    status: ParcelStatus,
) -> Result<Report, Error> {
    let note = status.note()?;
    let word: &str = status.into();
    transaction(db, tracking_number, || {
        let parcel = known(db, tracking_number)?;
        parcel.check_move(status)?;
        let before: &str = parcel.status.into();
        let moved = db.execute(
            "UPDATE partners_parcels SET status = $1 WHERE tracking_number = $2 AND status = $3 RETURNING reference",
            params![word, tracking_number, before],
        )?;
        // Only a cancellation can run concurrently.
        if moved.is_empty() {
            return Err(Error::ParcelCancelled(parcel.tracking_number));
        }
        db.execute(
            "INSERT INTO partners_parcel_events (event_id, tracking_number, status, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tracking_number, status) DO NOTHING",
            params![id::new(), tracking_number, word, time::now()],
        )?;
        let report = db
            .execute(
                "SELECT event_id, at FROM partners_parcel_events WHERE tracking_number = $1 AND status = $2",
                params![tracking_number, word],
            )?
            .one(|row| {
                Ok(Report {
                    event_id: row.get(0)?,
                    reference: parcel.reference.clone(),
                    status,
                    at: row.get(1)?,
                    note,
                })
            })?;
        let gone = || SqlError::Other(format!("the event of {tracking_number} is gone"));
        Ok(report.ok_or_else(gone)?)
    })
}

/// The parcel of a reference.
pub fn find(db: &dyn Database, reference: &str) -> Result<Option<Parcel>, SqlError> {
    db.execute(
        "SELECT tracking_number, reference, status FROM partners_parcels WHERE reference = $1",
        params![reference],
    )?
    .one(parcel)
}

/// The parcels after `after` by reference, at most `count`.
pub fn list(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Parcel>, SqlError> {
    db.execute(
        "SELECT tracking_number, reference, status FROM partners_parcels
         WHERE reference > $1 ORDER BY reference LIMIT $2",
        params![after, count],
    )?
    .map(parcel)
}

fn known(db: &dyn Database, tracking_number: &str) -> Result<Parcel, Error> {
    db.execute(
        "SELECT tracking_number, reference, status FROM partners_parcels WHERE tracking_number = $1",
        params![tracking_number],
    )?
    .one(parcel)?
    .ok_or_else(|| Error::NoParcel(tracking_number.to_owned()))
}

fn parcel(row: Row<'_>) -> Result<Parcel, SqlError> {
    Ok(Parcel {
        tracking_number: row.get(0)?,
        reference: row.get(1)?,
        status: row.word(2)?,
    })
}
