//! Reservations, and how their stock moves.

use std::collections::BTreeMap;

use stoa_service::params;
use stoa_service::sql::{Database, Row, SqlError, Value, places, transaction};
use stoa_service::time::{Millis, rfc3339};
use uuid::Uuid;

use super::items;
use crate::domain::{Line, Movement, Reservation, Status, Transition};
use crate::error::{Error, Shortage};

/// The most expired reservations that one sweep releases: a reader must not pay for a whole outage, and the next reader continues.
const SWEEP_BATCH: u32 = 50;

/// Releases the stock of expired reservations. Reads once by index; writes only if there is something to do.
pub fn sweep(db: &dyn Database, now: Millis) -> Result<(), SqlError> {
    let expired = db
        .execute(
            "SELECT order_id FROM inventory_reservations WHERE status = 'held' AND expires_at <= $1 LIMIT $2",
            params![now, SWEEP_BATCH],
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
                give_back(db, &lines(db, order_id)?)?;
            }
            Ok::<_, SqlError>(())
        })?;
    }
    Ok(())
}

/// Reserves all lines or none. The same order again returns its existing reservation.
pub fn reserve(
    db: &dyn Database,
    order_id: Uuid,
    wanted: &[Line],
    now: Millis,
    expires_at: Millis,
) -> Result<Reservation, Error> {
    transaction(db, order_id, || {
        if let Some(existing) = lookup(db, order_id)? {
            existing.check_repeat(wanted)?;
            return Ok(existing);
        }
        take(db, wanted)?;
        for line in wanted {
            db.execute(
                "INSERT INTO inventory_reservation_lines (order_id, sku, quantity) VALUES ($1, $2, $3)",
                params![order_id, &line.sku, line.quantity],
            )?;
        }
        insert(db, order_id, Status::Held, now, expires_at)?;
        find(db, order_id)
    })
}

/// Extends a reservation to `expires_at` at least.
pub fn extend(
    db: &dyn Database,
    order_id: Uuid,
    now: Millis,
    expires_at: Millis,
) -> Result<Reservation, Error> {
    transaction(db, order_id, || {
        let reservation = find(db, order_id)?;
        apply(db, &reservation, reservation.extend()?, now)?;
        db.execute(
            "UPDATE inventory_reservations SET updated_at = $1,
             expires_at = CASE WHEN expires_at > $2 THEN expires_at ELSE $2 END WHERE order_id = $3",
            params![now, expires_at, order_id],
        )?;
        find(db, order_id)
    })
}

/// Moves the stock out of the warehouse. A repeat changes nothing.
pub fn commit(db: &dyn Database, order_id: Uuid, now: Millis) -> Result<Reservation, Error> {
    transaction(db, order_id, || {
        let reservation = find(db, order_id)?;
        apply(db, &reservation, reservation.commit()?, now)?;
        find(db, order_id)
    })
}

/// Releases the reservation. An order that never reserved gets a released reservation, so that a request still in flight cannot
/// reserve after the order was cancelled.
pub fn release(db: &dyn Database, order_id: Uuid, now: Millis) -> Result<Reservation, Error> {
    transaction(db, order_id, || {
        match lookup(db, order_id)? {
            Some(reservation) => apply(db, &reservation, reservation.release(), now)?,
            None => insert(db, order_id, Status::Released, now, now)?,
        }
        find(db, order_id)
    })
}

fn apply(
    db: &dyn Database,
    reservation: &Reservation,
    transition: Transition,
    now: Millis,
) -> Result<(), Error> {
    let lines = &reservation.lines;
    for movement in transition.movements {
        match movement {
            Movement::Take => take(db, lines)?,
            Movement::GiveBack => give_back(db, lines)?,
            Movement::Sell => sell(db, lines)?,
            Movement::Restock => restock(db, lines)?,
        }
    }
    if transition.to != reservation.status {
        let word: &str = transition.to.into();
        db.execute(
            "UPDATE inventory_reservations SET status = $1, updated_at = $2 WHERE order_id = $3",
            params![word, now, reservation.order_id],
        )?;
    }
    Ok(())
}

/// Every line that needs more units than are available is reported as short. The transaction then fails, so no line is taken.
fn take(db: &dyn Database, wanted: &[Line]) -> Result<(), Error> {
    let mut short = Vec::new();
    for line in wanted {
        let taken = db.execute(
            "UPDATE inventory_items SET reserved = reserved + $1 WHERE sku = $2 AND on_hand - reserved >= $1 RETURNING sku",
            params![line.quantity, &line.sku],
        )?;
        if taken.is_empty() {
            let available = match items::find(db, line.sku.as_str()) {
                Ok(item) => item.available,
                Err(Error::NotStocked(_)) => 0,
                Err(error) => return Err(error),
            };
            short.push(Shortage {
                sku: line.sku.clone(),
                quantity: line.quantity,
                available,
            });
        }
    }
    if short.is_empty() {
        Ok(())
    } else {
        Err(Error::InsufficientStock(short))
    }
}

fn give_back(db: &dyn Database, lines: &[Line]) -> Result<(), SqlError> {
    for line in lines {
        db.execute(
            "UPDATE inventory_items SET reserved = reserved - $1 WHERE sku = $2",
            params![line.quantity, &line.sku],
        )?;
    }
    Ok(())
}

fn sell(db: &dyn Database, lines: &[Line]) -> Result<(), SqlError> {
    for line in lines {
        db.execute(
            "UPDATE inventory_items SET reserved = reserved - $1, on_hand = on_hand - $1 WHERE sku = $2",
            params![line.quantity, &line.sku],
        )?;
        db.execute(
            "UPDATE inventory_ledger SET sold = sold + $1 WHERE sku = $2",
            params![line.quantity, &line.sku],
        )?;
    }
    Ok(())
}

fn restock(db: &dyn Database, lines: &[Line]) -> Result<(), SqlError> {
    for line in lines {
        db.execute(
            "UPDATE inventory_items SET on_hand = on_hand + $1 WHERE sku = $2",
            params![line.quantity, &line.sku],
        )?;
        db.execute(
            "UPDATE inventory_ledger SET returned = returned + $1 WHERE sku = $2",
            params![line.quantity, &line.sku],
        )?;
    }
    Ok(())
}

fn insert(
    db: &dyn Database,
    order_id: Uuid,
    status: Status,
    now: Millis,
    expires_at: Millis,
) -> Result<(), SqlError> {
    let word: &str = status.into();
    db.execute(
        "INSERT INTO inventory_reservations (order_id, status, expires_at, updated_at) VALUES ($1, $2, $3, $4)",
        params![order_id, word, expires_at, now],
    )
    .map(drop)
}

fn find(db: &dyn Database, order_id: Uuid) -> Result<Reservation, Error> {
    lookup(db, order_id)?.ok_or(Error::NoReservation(order_id))
}

fn lookup(db: &dyn Database, order_id: Uuid) -> Result<Option<Reservation>, SqlError> {
    let found = db
        .execute(
            "SELECT order_id, status, expires_at FROM inventory_reservations WHERE order_id = $1",
            params![order_id],
        )?
        .one(without_lines)?;
    let Some(reservation) = found else {
        return Ok(None);
    };
    let lines = lines(db, order_id)?;
    Ok(Some(Reservation {
        lines,
        ..reservation
    }))
}

/// The reservations after `after` by order id, at most `count`.
pub fn list(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Reservation>, SqlError> {
    let mut found = db
        .execute(
            "SELECT order_id, status, expires_at FROM inventory_reservations WHERE order_id > $1 ORDER BY order_id LIMIT $2",
            params![after, count],
        )?
        .map(without_lines)?;
    let ids: Vec<Uuid> = found.iter().map(|found| found.order_id).collect();
    let mut lines = lines_of(db, &ids)?;
    for reservation in &mut found {
        reservation.lines = lines.remove(&reservation.order_id).unwrap_or_default();
    }
    Ok(found)
}

fn without_lines(row: Row<'_>) -> Result<Reservation, SqlError> {
    Ok(Reservation {
        order_id: row.get(0)?,
        status: row.word(1)?,
        lines: Vec::new(),
        expires_at: rfc3339(row.get(2)?),
    })
}

fn lines(db: &dyn Database, order_id: Uuid) -> Result<Vec<Line>, SqlError> {
    Ok(lines_of(db, &[order_id])?
        .remove(&order_id)
        .unwrap_or_default())
}

fn lines_of(db: &dyn Database, order_ids: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<Line>>, SqlError> {
    let mut all = BTreeMap::<Uuid, Vec<Line>>::new();
    if order_ids.is_empty() {
        return Ok(all);
    }
    let statement = format!(
        "SELECT order_id, sku, quantity FROM inventory_reservation_lines WHERE order_id IN ({})",
        places(1, order_ids.len())
    );
    let values: Vec<Value> = order_ids.iter().map(Value::from).collect();
    let found = db.execute(&statement, &values)?.map(|row| {
        let line = Line {
            sku: row.get(1)?,
            quantity: row.get(2)?,
        };
        Ok((row.get::<Uuid>(0)?, line))
    })?;
    for (order_id, line) in found {
        all.entry(order_id).or_default().push(line);
    }
    for lines in all.values_mut() {
        // By bytes, like the lines of a request: stock is locked in this order, and PostgreSQL's own order depends on its locale.
        lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    }
    Ok(all)
}
