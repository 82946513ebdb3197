//! The carrier's parcels in the database.

use stoa_service::idempotency::Key;
use stoa_service::sql::{Database, Row, SqlError, transaction};
use stoa_service::{Invalid, id, params, time};

use super::keys;
use crate::domain::carrier::{NewParcel, Parcel, ParcelStatus, Report};
use crate::error::Error;

/// Makes the parcel of a reference. If the reference already has a parcel, returns that parcel.
pub fn create(db: &dyn Database, key: &Key<'_>, new: &NewParcel) -> Result<Parcel, Error> {
    let text = |value: Result<String, serde_json::Error>| {
        value.map_err(|error| Invalid::new(format!("body: {error}")))
    };
    transaction(db, &new.reference, || {
        keys::store(db, key)?;
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
        let missing = || {
            SqlError::Other(format!(
                "the parcel of reference {} is missing",
                new.reference
            ))
        };
        Ok(parcel.ok_or_else(missing)?)
    })
}

/// A new tracking number: `PX` and 16 hexadecimal digits. The digits are the random half of a UUID, so nobody can guess a number.
fn tracking_number() -> String {
    let id = id::new().simple().to_string().to_uppercase();
    format!("PX{}", id.get(16..).unwrap_or(&id))
}

/// Cancels a parcel, unless it was picked up. Returns the parcel with its resulting status.
pub fn cancel(db: &dyn Database, tracking_number: &str) -> Result<Parcel, Error> {
    db.execute(
        "UPDATE partners_parcels SET status = 'cancelled' WHERE tracking_number = $1 AND status = 'created'",
        params![tracking_number],
    )?;
    find_by_tracking_number(db, tracking_number)
}

/// Changes a parcel's status, and returns the report of the change. A repeated change returns the same report.
pub fn advance(
    db: &dyn Database,
    tracking_number: &str,
    status: ParcelStatus,
) -> Result<Report, Error> {
    let note = status.note()?;
    let word: &str = status.into();
    transaction(db, tracking_number, || {
        let parcel = find_by_tracking_number(db, tracking_number)?;
        parcel.check_move(status)?;
        let before: &str = parcel.status.into();
        let moved = db.execute(
            "UPDATE partners_parcels SET status = $1 WHERE tracking_number = $2 AND status = $3 RETURNING reference",
            params![word, tracking_number, before],
        )?;
        // No row was changed, so another request has changed the status since this transaction read it. That request was a
        // cancellation. All other changes use this function, whose transactions for one parcel run one after the other.
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
        let missing = || {
            SqlError::Other(format!(
                "the stored report of parcel {tracking_number} is missing"
            ))
        };
        Ok(report.ok_or_else(missing)?)
    })
}

/// Finds the parcel of a reference.
pub fn find(db: &dyn Database, reference: &str) -> Result<Option<Parcel>, SqlError> {
    db.execute(
        "SELECT tracking_number, reference, status FROM partners_parcels WHERE reference = $1",
        params![reference],
    )?
    .one(parcel)
}

/// Lists at most `count` parcels by reference, beginning after the reference `after`.
pub fn list(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Parcel>, SqlError> {
    db.execute(
        "SELECT tracking_number, reference, status FROM partners_parcels
         WHERE reference > $1 ORDER BY reference LIMIT $2",
        params![after, count],
    )?
    .map(parcel)
}

fn find_by_tracking_number(db: &dyn Database, tracking_number: &str) -> Result<Parcel, Error> {
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
        status: row.parse(2)?,
    })
}
