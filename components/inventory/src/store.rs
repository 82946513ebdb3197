//! The rules over SQL. Every change is one short transaction; stock moves by conditional updates, so it can be taken
//! once only, whoever else is writing.

use http::StatusCode;
use stoa_service::problem::Problem;
use stoa_service::sql::{Database, Row, Schema, SqlError, Step, transaction};
use stoa_service::time::{Millis, rfc3339};
use stoa_service::{idempotency_table, params};
use uuid::Uuid;

use crate::domain::{Item, Ledger, Line, Reservation, Status};

/// The tables of this service.
pub const SCHEMA: Schema = Schema {
    service: "inventory",
    migrations: &[&[
        Step::Sql(
            "CREATE TABLE inventory_items (sku TEXT PRIMARY KEY, on_hand BIGINT NOT NULL, reserved BIGINT NOT NULL,
             CHECK (reserved >= 0 AND reserved <= on_hand))",
        ),
        Step::Sql(
            "CREATE TABLE inventory_reservations (order_id TEXT PRIMARY KEY, status TEXT NOT NULL,
             expires_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)",
        ),
        Step::Sql("CREATE INDEX inventory_reservations_expiry ON inventory_reservations (status, expires_at)"),
        Step::Sql(
            "CREATE TABLE inventory_reservation_lines (order_id TEXT NOT NULL, sku TEXT NOT NULL,
             quantity BIGINT NOT NULL, PRIMARY KEY (order_id, sku))",
        ),
        Step::Sql(
            "CREATE TABLE inventory_ledger (sku TEXT PRIMARY KEY, supplied BIGINT NOT NULL, sold BIGINT NOT NULL,
             returned BIGINT NOT NULL)",
        ),
        Step::Sql(idempotency_table!("inventory")),
        Step::Run(stock_a_new_shop),
    ]],
};

fn stock_a_new_shop(db: &dyn Database) -> Result<(), SqlError> {
    #[derive(serde::Deserialize)]
    struct Stock {
        sku: String,
        on_hand: u32,
    }
    let stock: Vec<Stock> = serde_json::from_str(include_str!("../stock.json"))
        .map_err(|e| SqlError::Other(format!("stock.json: {e}")))?;
    for Stock { sku, on_hand } in stock {
        write_on_hand(db, &sku, 0, on_hand.into())?;
    }
    Ok(())
}

/// `before` is what was on hand. Inside a transaction that holds the item, or of a new shop.
fn write_on_hand(db: &dyn Database, sku: &str, before: i64, on_hand: i64) -> Result<(), SqlError> {
    db.execute(
        "INSERT INTO inventory_items (sku, on_hand, reserved) VALUES ($1, $2, 0)
         ON CONFLICT (sku) DO UPDATE SET on_hand = excluded.on_hand",
        params![sku, on_hand],
    )?;
    db.execute(
        "INSERT INTO inventory_ledger (sku, supplied, sold, returned) VALUES ($1, $2, 0, 0)
         ON CONFLICT (sku) DO UPDATE SET supplied = inventory_ledger.supplied + excluded.supplied",
        params![sku, on_hand - before],
    )?;
    Ok(())
}

fn item(row: Row<'_>) -> Result<Item, SqlError> {
    let (on_hand, reserved) = (row.get(1)?, row.get(2)?);
    Ok(Item {
        sku: row.get(0)?,
        on_hand,
        reserved,
        available: on_hand - reserved,
    })
}

/// The items after `after` by SKU, at most `count`.
pub fn items(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Item>, SqlError> {
    db.execute(
        "SELECT sku, on_hand, reserved FROM inventory_items WHERE sku > $1 ORDER BY sku LIMIT $2",
        params![after, count],
    )?
    .map(item)
}

/// The item, or 404.
pub fn find_item(db: &dyn Database, sku: &str) -> Result<Item, Problem> {
    db.execute(
        "SELECT sku, on_hand, reserved FROM inventory_items WHERE sku = $1",
        params![sku],
    )?
    .one(item)?
    .ok_or_else(|| no_such_sku(sku))
}

fn no_such_sku(sku: &str) -> Problem {
    Problem::not_found(format!(
        "sku: `{}` is not stocked",
        stoa_service::id::shorten(sku)
    ))
}

/// What a new count was based on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: the item is stocked for the first time.
    NotStocked,
    /// One of these counts: what is sold or comes back in the meantime must not be lost.
    OnHand(Vec<i64>),
    /// Any count.
    Any,
}

impl Expected {
    /// 428 or 412 where `before`, what is on hand, is something else.
    fn check(&self, sku: &str, before: Option<i64>) -> Result<(), Problem> {
        let sku = stoa_service::id::shorten(sku);
        let changed =
            |detail| Problem::new(StatusCode::PRECONDITION_FAILED, "stock_changed", detail);
        match (self, before) {
            (Self::NotStocked, None) | (Self::Any, Some(_)) => Ok(()),
            (Self::OnHand(counts), Some(before)) if counts.contains(&before) => Ok(()),
            (Self::NotStocked, Some(before)) => Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition_required",
                format!("If-Match: `{sku}` is stocked; send the ETag of the count that yours is based on, or *"),
            )
            .with("on_hand", before)),
            (Self::OnHand(_), Some(before)) => Err(changed(format!(
                "If-Match: {before} of `{sku}` are on hand now; count again"
            ))
            .with("on_hand", before)),
            (_, None) => Err(changed(format!(
                "If-Match: `{sku}` is not stocked yet; leave the header out"
            ))),
        }
    }
}

/// Sets what is on hand; the difference counts as supplied. 409 below what is reserved, 428 and 412 by `expected`.
pub fn set_on_hand(
    db: &dyn Database,
    sku: &str,
    on_hand: u32,
    expected: &Expected,
) -> Result<Item, Problem> {
    transaction(db, sku, || {
        // An update that changes nothing: until this transaction ends, nobody else moves stock of this item.
        let held = db.execute(
            "UPDATE inventory_items SET on_hand = on_hand WHERE sku = $1 RETURNING on_hand, reserved",
            params![sku],
        )?;
        let held = held.one(|row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
        expected.check(sku, held.map(|(before, _)| before))?;
        let (before, reserved) = held.unwrap_or_default();
        if i64::from(on_hand) < reserved {
            return Err(Problem::conflict(
                "stock_reserved",
                format!("on_hand: {on_hand} is less than the {reserved} that are reserved"),
            ));
        }
        write_on_hand(db, sku, before, on_hand.into())?;
        find_item(db, sku)
    })
}

/// The ledger's sums, or 404.
pub fn ledger(db: &dyn Database, sku: &str) -> Result<Ledger, Problem> {
    db.execute(
        "SELECT sku, supplied, sold, returned FROM inventory_ledger WHERE sku = $1",
        params![sku],
    )?
    .one(|row| {
        Ok(Ledger {
            sku: row.get(0)?,
            supplied: row.get(1)?,
            sold: row.get(2)?,
            returned: row.get(3)?,
        })
    })?
    .ok_or_else(|| no_such_sku(sku))
}

/// Gives back the stock of reservations that ran out. Reads once by index; writes only where there is something to do.
pub fn sweep(db: &dyn Database, now: Millis) -> Result<(), SqlError> {
    // A bound, so that one reader does not pay for a whole outage; the next reader goes on.
    const AT_ONCE: u32 = 50;
    let expired = db
        .execute(
            "SELECT order_id FROM inventory_reservations WHERE status = 'held' AND expires_at <= $1 LIMIT $2",
            params![now, AT_ONCE],
        )?
        .map(|row| row.get::<Uuid>(0))?;
    for order_id in expired {
        transaction(db, order_id, || {
            let still = db.execute(
                "UPDATE inventory_reservations SET status = 'expired', updated_at = $1
                 WHERE order_id = $2 AND status = 'held' AND expires_at <= $1 RETURNING order_id",
                params![now, order_id],
            )?;
            if !still.is_empty() {
                give_back(db, order_id)?;
            }
            Ok::<_, SqlError>(())
        })?;
    }
    Ok(())
}

fn give_back(db: &dyn Database, order_id: Uuid) -> Result<(), SqlError> {
    for line in lines(db, order_id)? {
        db.execute(
            "UPDATE inventory_items SET reserved = reserved - $1 WHERE sku = $2",
            params![line.quantity, &line.sku],
        )?;
    }
    Ok(())
}

/// Reserves all lines or none. The same order again gives what it has; a final reservation is 409.
pub fn reserve(
    db: &dyn Database,
    order_id: Uuid,
    wanted: &[Line],
    now: Millis,
    expires_at: Millis,
) -> Result<Reservation, Problem> {
    transaction(db, order_id, || {
        if let Some(existing) = find(db, order_id)? {
            return match existing.status {
                Status::Held if existing.lines == wanted => Ok(existing),
                Status::Held => Err(Problem::conflict(
                    "reservation_differs",
                    format!("order_id: {order_id} has a reservation of other lines"),
                )),
                status => Err(closed(order_id, status)),
            };
        }
        take(db, wanted)?;
        for line in wanted {
            db.execute(
                "INSERT INTO inventory_reservation_lines (order_id, sku, quantity) VALUES ($1, $2, $3)",
                params![order_id, &line.sku, line.quantity],
            )?;
        }
        db.execute(
            "INSERT INTO inventory_reservations (order_id, status, expires_at, updated_at) VALUES ($1, 'held', $2, $3)",
            params![order_id, expires_at, now],
        )?;
        known(db, order_id)
    })
}

/// Moves units from available to reserved; 409 `insufficient_stock` naming every SKU that falls short.
fn take(db: &dyn Database, wanted: &[Line]) -> Result<(), Problem> {
    let mut short = Vec::new();
    for line in wanted {
        let taken = db.execute(
            "UPDATE inventory_items SET reserved = reserved + $1 WHERE sku = $2 AND on_hand - reserved >= $1 RETURNING sku",
            params![line.quantity, &line.sku],
        )?;
        if taken.is_empty() {
            let available = find_item(db, &line.sku).map_or(0, |i| i.available);
            short.push(serde_json::json!({"sku": line.sku, "quantity": line.quantity, "available": available}));
        }
    }
    if short.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = short
        .iter()
        .filter_map(|s| s.get("sku")?.as_str())
        .collect();
    Err(Problem::conflict(
        "insufficient_stock",
        format!("lines: not enough in stock of {}", names.join(", ")),
    )
    .with("short", short))
}

/// Makes a reservation hold until `expires_at` at least. An expired one takes its stock again or is 409.
pub fn extend(
    db: &dyn Database,
    order_id: Uuid,
    now: Millis,
    expires_at: Millis,
) -> Result<Reservation, Problem> {
    transaction(db, order_id, || {
        let reservation = known(db, order_id)?;
        match reservation.status {
            Status::Held => {}
            Status::Expired => take(db, &reservation.lines)?,
            status => return Err(closed(order_id, status)),
        }
        db.execute(
            "UPDATE inventory_reservations SET status = 'held', updated_at = $1,
             expires_at = CASE WHEN expires_at > $2 THEN expires_at ELSE $2 END WHERE order_id = $3",
            params![now, expires_at, order_id],
        )?;
        known(db, order_id)
    })
}

/// The stock leaves. Again is the same; an expired reservation takes its stock again or is 409.
pub fn commit(db: &dyn Database, order_id: Uuid, now: Millis) -> Result<Reservation, Problem> {
    transaction(db, order_id, || {
        let reservation = known(db, order_id)?;
        match reservation.status {
            Status::Committed => return Ok(reservation),
            Status::Held => {}
            Status::Expired => take(db, &reservation.lines)?,
            status => return Err(closed(order_id, status)),
        }
        for line in &reservation.lines {
            db.execute(
                "UPDATE inventory_items SET reserved = reserved - $1, on_hand = on_hand - $1 WHERE sku = $2",
                params![line.quantity, &line.sku],
            )?;
            db.execute(
                "UPDATE inventory_ledger SET sold = sold + $1 WHERE sku = $2",
                params![line.quantity, &line.sku],
            )?;
        }
        set_status(db, order_id, Status::Committed, now)?;
        known(db, order_id)
    })
}

/// Gives up the reservation. After a commit it restocks, once. An order that never reserved gets a released
/// reservation, so that a request still on its way cannot reserve after it was called off.
pub fn release(db: &dyn Database, order_id: Uuid, now: Millis) -> Result<Reservation, Problem> {
    transaction(db, order_id, || {
        let Some(reservation) = find(db, order_id)? else {
            db.execute(
                "INSERT INTO inventory_reservations (order_id, status, expires_at, updated_at)
                 VALUES ($1, 'released', $2, $2)",
                params![order_id, now],
            )?;
            return known(db, order_id);
        };
        let after = match reservation.status {
            Status::Released | Status::Returned => return Ok(reservation),
            Status::Expired => Status::Released,
            Status::Held => {
                give_back(db, order_id)?;
                Status::Released
            }
            Status::Committed => {
                for line in &reservation.lines {
                    db.execute(
                        "UPDATE inventory_items SET on_hand = on_hand + $1 WHERE sku = $2",
                        params![line.quantity, &line.sku],
                    )?;
                    db.execute(
                        "UPDATE inventory_ledger SET returned = returned + $1 WHERE sku = $2",
                        params![line.quantity, &line.sku],
                    )?;
                }
                Status::Returned
            }
        };
        set_status(db, order_id, after, now)?;
        known(db, order_id)
    })
}

fn set_status(
    db: &dyn Database,
    order_id: Uuid,
    status: Status,
    now: Millis,
) -> Result<(), SqlError> {
    db.execute(
        "UPDATE inventory_reservations SET status = $1, updated_at = $2 WHERE order_id = $3",
        params![status.word(), now, order_id],
    )
    .map(drop)
}

fn closed(order_id: Uuid, status: Status) -> Problem {
    Problem::conflict(
        "reservation_closed",
        format!(
            "order_id: the reservation of {order_id} is {}",
            status.word()
        ),
    )
}

fn known(db: &dyn Database, order_id: Uuid) -> Result<Reservation, Problem> {
    find(db, order_id)?
        .ok_or_else(|| Problem::not_found(format!("order_id: {order_id} has no reservation")))
}

fn find(db: &dyn Database, order_id: Uuid) -> Result<Option<Reservation>, SqlError> {
    let row = db
        .execute(
            "SELECT order_id, status, expires_at FROM inventory_reservations WHERE order_id = $1",
            params![order_id],
        )?
        .one(head)?;
    row.map(|head| with_lines(db, head)).transpose()
}

/// The reservations after `after` by order id, at most `count`.
pub fn reservations(
    db: &dyn Database,
    after: &str,
    count: u32,
) -> Result<Vec<Reservation>, SqlError> {
    db.execute(
        "SELECT order_id, status, expires_at FROM inventory_reservations WHERE order_id > $1 ORDER BY order_id LIMIT $2",
        params![after, count],
    )?
    .map(head)?
    .into_iter()
    .map(|head| with_lines(db, head))
    .collect()
}

type Head = (Uuid, Status, Millis);

fn head(row: Row<'_>) -> Result<Head, SqlError> {
    let word: String = row.get(1)?;
    let status = Status::from_word(&word)
        .ok_or_else(|| SqlError::Other(format!("inventory_reservations.status holds `{word}`")))?;
    Ok((row.get(0)?, status, row.get(2)?))
}

fn with_lines(
    db: &dyn Database,
    (order_id, status, expires_at): Head,
) -> Result<Reservation, SqlError> {
    Ok(Reservation {
        order_id,
        status,
        lines: lines(db, order_id)?,
        expires_at: rfc3339(expires_at),
    })
}

fn lines(db: &dyn Database, order_id: Uuid) -> Result<Vec<Line>, SqlError> {
    let mut lines = db
        .execute(
            "SELECT sku, quantity FROM inventory_reservation_lines WHERE order_id = $1",
            params![order_id],
        )?
        .map(|row| {
            Ok(Line {
                sku: row.get(0)?,
                quantity: row.get(1)?,
            })
        })?;
    // By bytes, as the lines of a request are: PostgreSQL's order depends on its language, and stock is locked in this one.
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    Ok(lines)
}
