//! Changes the status of a shipment, and stores its history.

use stoa_service::sql::{Database, SqlError, Value, placeholders};
use stoa_service::time::{self, rfc3339};
use stoa_service::{id, params};
use uuid::Uuid;

use crate::domain::report::{HistoryEntry, Report};
use crate::domain::status::Status;

/// Changes a shipment's status to `status`, if `status` follows the current status. Returns whether the status changed.
pub fn advance(db: &dyn Database, shipment_id: Uuid, status: Status) -> Result<bool, SqlError> {
    let word: &str = status.into();
    // This statement compares the text of the status. The previous release, which may run at the same time, compares the column
    // `rank`, so this statement also writes the rank.
    let mut values = params![word, status.rank(), time::now(), shipment_id].to_vec();
    values.extend(
        status
            .predecessors()
            .map(|from| Value::from(<&str>::from(from))),
    );
    let statement = format!(
        "UPDATE shipping_shipments SET status = $1, rank = $2, updated_at = $3 WHERE shipment_id = $4 AND status IN ({})
         RETURNING shipment_id",
        placeholders(5, values.len() - 4)
    );
    Ok(!db.execute(&statement, &values)?.is_empty())
}

/// Adds a report to the history. Returns false if the history of any shipment already contains a report with this event id.
pub fn add(db: &dyn Database, shipment_id: Uuid, report: &Report) -> Result<bool, SqlError> {
    let word: &str = report.status.into();
    let added = db.execute(
        "INSERT INTO shipping_events (event_id, shipment_id, status, at, note) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
        params![
            &report.event_id,
            shipment_id,
            word,
            report.at,
            report.note.as_deref()
        ],
    )?;
    Ok(!added.is_empty())
}

/// Adds to the history a status that this service itself has caused. The carrier has not reported this status.
pub fn add_own_action(
    db: &dyn Database,
    shipment_id: Uuid,
    status: Status,
) -> Result<(), SqlError> {
    let report = Report {
        event_id: id::new().to_string(),
        status,
        at: time::now(),
        note: None,
    };
    add(db, shipment_id, &report).map(drop)
}

/// Finds the shipment whose history contains the report with this event id; `None` if no history contains the report.
pub fn find_shipment_of_event(db: &dyn Database, event_id: &str) -> Result<Option<Uuid>, SqlError> {
    db.execute(
        "SELECT shipment_id FROM shipping_events WHERE event_id = $1",
        params![event_id],
    )?
    .one(|row| row.get(0))
}

/// Lists the history of a shipment, oldest entry first.
pub fn list(db: &dyn Database, shipment_id: Uuid) -> Result<Vec<HistoryEntry>, SqlError> {
    db.execute(
        "SELECT status, at, note FROM shipping_events WHERE shipment_id = $1 ORDER BY at, event_id",
        params![shipment_id],
    )?
    .map(|row| {
        Ok(HistoryEntry {
            status: row.get(0)?,
            at: rfc3339(row.get(1)?),
            note: row.get(2)?,
        })
    })
}
