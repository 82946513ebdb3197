//! Shipments, their history and their events over SQL. A status only ever moves further, by a conditional update.

use serde_json::json;
use stoa_service::outbox::{self, Event};
use stoa_service::problem::Problem;
use stoa_service::sql::{Database, Row, Schema, SqlError, Step, Value, transaction};
use stoa_service::time::{self, Millis};
use stoa_service::{id, idempotency_table, outbox_index, outbox_table, params};
use uuid::Uuid;

use crate::domain::{Address, Line, Report, Shipment, Status};
use crate::ports::Finding;

/// The tables of this service.
pub const SCHEMA: Schema = Schema {
    service: "shipping",
    migrations: &[&[
        Step::Sql(
            "CREATE TABLE shipping_shipments (shipment_id TEXT PRIMARY KEY, order_id TEXT NOT NULL UNIQUE,
             address TEXT NOT NULL, lines TEXT NOT NULL, tracking_number TEXT UNIQUE, status TEXT NOT NULL,
             rank BIGINT NOT NULL, cancel_asked BIGINT NOT NULL, created_at BIGINT NOT NULL,
             updated_at BIGINT NOT NULL)",
        ),
        Step::Sql(
            "CREATE TABLE shipping_events (event_id TEXT PRIMARY KEY, shipment_id TEXT NOT NULL, status TEXT NOT NULL,
             at BIGINT NOT NULL, note TEXT)",
        ),
        Step::Sql("CREATE INDEX shipping_events_shipment ON shipping_events (shipment_id, at, event_id)"),
        Step::Sql(idempotency_table!("shipping")),
        Step::Sql(outbox_table!("shipping")),
        Step::Sql(outbox_index!("shipping")),
    ], &[
        // What was called off before the carrier had confirmed it, and of which the carrier is still to be told.
        Step::Sql("CREATE TABLE shipping_call_offs (shipment_id TEXT PRIMARY KEY, due_at BIGINT NOT NULL)"),
        Step::Sql("CREATE INDEX shipping_call_offs_due ON shipping_call_offs (due_at, shipment_id)"),
    ]],
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT shipment_id, order_id, address, lines, tracking_number, status, cancel_asked, created_at
             FROM shipping_shipments ",
            $rest
        )
    };
}

/// The shipment of an order, begun if there is none, and whether this call began it. An order that is being shipped
/// elsewhere or with other lines is 409 `shipment_differs`.
pub fn begin(
    db: &dyn Database,
    order_id: Uuid,
    address: &Address,
    lines: &[Line],
) -> Result<(Shipment, bool), Problem> {
    let text = |json: Result<String, serde_json::Error>| {
        json.map_err(|e| Problem::invalid(format!("body: {e}")))
    };
    let begun = db.execute(
        "INSERT INTO shipping_shipments (shipment_id, order_id, address, lines, status, rank, cancel_asked, created_at,
         updated_at) VALUES ($1, $2, $3, $4, 'pending', 0, 0, $5, $5) ON CONFLICT (order_id) DO NOTHING
         RETURNING shipment_id",
        params![
            id::new(),
            order_id,
            text(serde_json::to_string(address))?,
            text(serde_json::to_string(lines))?,
            time::now()
        ],
    )?;
    let shipment = of_order(db, order_id)?.ok_or_else(|| {
        Problem::unavailable("the database does not answer")
            .caused_by(format!("shipment of order {order_id} is gone"))
    })?;
    if shipment.address == *address && shipment.lines == lines {
        Ok((shipment, !begun.is_empty()))
    } else {
        Err(Problem::conflict(
            "shipment_differs",
            format!("order_id: {order_id} has a shipment with another address or other lines"),
        ))
    }
}

/// Writes down what the carrier made of a shipment. Gives the shipment as it is then.
pub fn record(
    db: &dyn Database,
    shipment: &Shipment,
    finding: &Finding,
) -> Result<Shipment, Problem> {
    transaction(db, shipment.shipment_id, || {
        match finding {
            Finding::Nothing => {}
            Finding::Refused => {
                advance(db, shipment.shipment_id, Status::Refused)?;
            }
            Finding::Parcel(number) => {
                let first = db.execute(
                    "UPDATE shipping_shipments SET tracking_number = $1, updated_at = $2
                     WHERE shipment_id = $3 AND tracking_number IS NULL RETURNING shipment_id",
                    params![number, time::now(), shipment.shipment_id],
                )?;
                // A report may have come before the carrier's answer: then it is further already.
                advance(db, shipment.shipment_id, Status::Created)?;
                let known = find(db, shipment.shipment_id)?;
                // One that was called off meanwhile was never announced to its customer.
                if !first.is_empty() && known.status != Status::Cancelled {
                    let created = own_report(Status::Created);
                    add_to_history(db, shipment.shipment_id, &created)?;
                }
            }
        }
        find(db, shipment.shipment_id)
    })
}

/// Writes down that a shipment shall be called off. Gives the shipment as it is then.
///
/// Without the carrier's number there is no label, and nobody can hand a parcel without a label over: such a shipment is
/// cancelled here and now, and the carrier is told later ([`call_offs`]).
pub fn ask_cancel(db: &dyn Database, shipment: &Shipment) -> Result<Shipment, Problem> {
    let shipment_id = shipment.shipment_id;
    transaction(db, shipment_id, || {
        db.execute(
            "UPDATE shipping_shipments SET cancel_asked = 1, updated_at = $1 WHERE shipment_id = $2 AND cancel_asked = 0
             AND status IN ('pending', 'refused', 'created')",
            params![time::now(), shipment_id],
        )?;
        let asked = find(db, shipment_id)?;
        if asked.tracking_number.is_some()
            || !matches!(asked.status, Status::Pending | Status::Created)
        {
            return Ok(asked);
        }
        db.execute(
            "INSERT INTO shipping_call_offs (shipment_id, due_at) VALUES ($1, $2)",
            params![shipment_id, time::now()],
        )?;
        end(db, shipment_id)
    })
}

/// The shipments of which the carrier is due to be told that they are called off, with their due times, oldest first.
pub fn call_offs(db: &dyn Database, count: u32) -> Result<Vec<(Uuid, Millis)>, SqlError> {
    db.execute(
        "SELECT shipment_id, due_at FROM shipping_call_offs WHERE due_at <= $1 ORDER BY due_at, shipment_id LIMIT $2",
        params![time::now(), count],
    )?
    .map(|row| Ok((row.get(0)?, row.get(1)?)))
}

/// Makes one of [`call_offs`] due later; false where somebody else did.
pub fn put_off_call_off(
    db: &dyn Database,
    shipment_id: Uuid,
    due_at: Millis,
    until: Millis,
) -> Result<bool, SqlError> {
    let moved = db.execute(
        "UPDATE shipping_call_offs SET due_at = $1 WHERE shipment_id = $2 AND due_at = $3 RETURNING shipment_id",
        params![until, shipment_id, due_at],
    )?;
    Ok(!moved.is_empty())
}

/// The carrier knows.
pub fn called_off(db: &dyn Database, shipment_id: Uuid) -> Result<(), SqlError> {
    db.execute(
        "DELETE FROM shipping_call_offs WHERE shipment_id = $1",
        params![shipment_id],
    )
    .map(drop)
}

/// The carrier keeps the parcel. Gives the shipment as it is then.
pub fn cancelled(db: &dyn Database, shipment: &Shipment) -> Result<Shipment, Problem> {
    transaction(db, shipment.shipment_id, || end(db, shipment.shipment_id))
}

fn end(db: &dyn Database, shipment_id: Uuid) -> Result<Shipment, Problem> {
    if advance(db, shipment_id, Status::Cancelled)? {
        add_to_history(db, shipment_id, &own_report(Status::Cancelled))?;
    }
    find(db, shipment_id)
}

/// The carrier has the parcel, even if its report is still on its way. Gives the shipment as it is then.
pub fn cannot_cancel(db: &dyn Database, shipment: &Shipment) -> Result<Shipment, Problem> {
    db.execute(
        "UPDATE shipping_shipments SET cancel_asked = 0, updated_at = $1 WHERE shipment_id = $2",
        params![time::now(), shipment.shipment_id],
    )?;
    find(db, shipment.shipment_id)
}

/// Takes a report of the carrier's. Gives the shipment as it is then, and whether there is something to tell: only what
/// is new and further than all before.
pub fn take_report(
    db: &dyn Database,
    shipment_id: Uuid,
    report: &Report,
) -> Result<(Shipment, bool), Problem> {
    transaction(db, shipment_id, || {
        find(db, shipment_id)?;
        if !add_to_history(db, shipment_id, report)? {
            // A signature covers no path: what was signed for one parcel must not move another.
            let owner: Option<Uuid> = db
                .execute(
                    "SELECT shipment_id FROM shipping_events WHERE event_id = $1",
                    params![&report.event_id],
                )?
                .one(|row| row.get(0))?;
            if owner != Some(shipment_id) {
                return Err(Problem::conflict(
                    "event_of_another_shipment",
                    "event_id: was reported for another shipment",
                ));
            }
            return Ok((find(db, shipment_id)?, false));
        }
        let further = advance(db, shipment_id, report.status)?;
        let shipment = find(db, shipment_id)?;
        let Some(kind) = report.status.event().filter(|_| further) else {
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

/// Moves a shipment to `status` if that follows from where it stands; whether it was.
fn advance(db: &dyn Database, shipment_id: Uuid, status: Status) -> Result<bool, SqlError> {
    let last = status.predecessors().map(Status::rank).max();
    let moved = db.execute(
        "UPDATE shipping_shipments SET status = $1, rank = $2, updated_at = $3 WHERE shipment_id = $4 AND rank <= $5
         RETURNING shipment_id",
        params![status.word(), status.rank(), time::now(), shipment_id, last.map_or(-1, i64::from)],
    )?;
    Ok(!moved.is_empty())
}

fn own_report(status: Status) -> Report {
    Report {
        event_id: id::new().to_string(),
        status,
        at: time::now(),
        note: None,
    }
}

/// Adds to the history; false if it is there already.
fn add_to_history(db: &dyn Database, shipment_id: Uuid, report: &Report) -> Result<bool, SqlError> {
    let added = db.execute(
        "INSERT INTO shipping_events (event_id, shipment_id, status, at, note) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
        params![
            &report.event_id,
            shipment_id,
            report.status.word(),
            report.at,
            report.note.as_deref()
        ],
    )?;
    Ok(!added.is_empty())
}

/// The shipment, or 404.
pub fn find(db: &dyn Database, shipment_id: Uuid) -> Result<Shipment, Problem> {
    db.execute(select!("WHERE shipment_id = $1"), params![shipment_id])?
        .one(shipment)?
        .ok_or_else(|| {
            Problem::not_found(format!("shipment_id: there is no shipment {shipment_id}"))
        })
}

/// The shipment of an order.
pub fn of_order(db: &dyn Database, order_id: Uuid) -> Result<Option<Shipment>, SqlError> {
    db.execute(select!("WHERE order_id = $1"), params![order_id])?
        .one(shipment)
}

/// The shipments of these orders, by order; those without one are left out.
pub fn of_orders(db: &dyn Database, order_ids: &[Uuid]) -> Result<Vec<Shipment>, SqlError> {
    let places: Vec<String> = (1..=order_ids.len()).map(|n| format!("${n}")).collect();
    let statement = format!(
        "{} WHERE order_id IN ({}) ORDER BY order_id",
        select!(""),
        places.join(", ")
    );
    let values: Vec<Value> = order_ids.iter().map(Value::from).collect();
    db.execute(&statement, &values)?.map(shipment)
}

/// The shipment with a tracking number.
pub fn of_parcel(db: &dyn Database, tracking_number: &str) -> Result<Option<Shipment>, SqlError> {
    db.execute(
        select!("WHERE tracking_number = $1"),
        params![tracking_number],
    )?
    .one(shipment)
}

/// The shipments after `after` by id, oldest first, at most `count`.
pub fn list(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Shipment>, SqlError> {
    db.execute(
        select!("WHERE shipment_id > $1 ORDER BY shipment_id LIMIT $2"),
        params![after, count],
    )?
    .map(shipment)
}

/// What happened to a shipment, in the order in which it happened.
pub fn history(
    db: &dyn Database,
    shipment_id: Uuid,
) -> Result<Vec<(String, Millis, Option<String>)>, SqlError> {
    db.execute(
        "SELECT status, at, note FROM shipping_events WHERE shipment_id = $1 ORDER BY at, event_id",
        params![shipment_id],
    )?
    .map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

fn shipment(row: Row<'_>) -> Result<Shipment, SqlError> {
    let wrong =
        |column: &str| SqlError::Other(format!("shipping_shipments.{column} cannot be read"));
    let (address, lines, status): (String, String, String) =
        (row.get(2)?, row.get(3)?, row.get(5)?);
    Ok(Shipment {
        shipment_id: row.get(0)?,
        order_id: row.get(1)?,
        address: serde_json::from_str(&address).map_err(|_| wrong("address"))?,
        lines: serde_json::from_str(&lines).map_err(|_| wrong("lines"))?,
        tracking_number: row.get(4)?,
        status: Status::from_word(&status).ok_or_else(|| wrong("status"))?,
        cancel_asked: row.get(6)?,
        created_at: row.get(7)?,
    })
}
