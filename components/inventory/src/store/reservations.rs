//! SQL for reservations, and for the movements of their stock.

use std::collections::BTreeMap;

use stoa_service::params;
use stoa_service::sql::{Database, Row, SqlError, Value, placeholders, transaction};
use stoa_service::time::{Millis, rfc3339};
use uuid::Uuid;

use super::items;
use crate::domain::{Line, Movement, Reservation, Status, Transition};
use crate::error::{Error, Shortage};

/// The maximum number of expired reservations that one sweep releases. The limit keeps a read fast after a long outage; the next
/// read continues the sweep.
const SWEEP_BATCH: u32 = 50;

/// Releases the stock of expired reservations. Costs one indexed read if no reservation has expired.
pub fn sweep(db: &dyn Database, now: Millis) -> Result<(), SqlError> {
    let expired = db
        .execute(
            "SELECT order_id FROM inventory_reservations WHERE status = 'held' AND expires_at <= $1 LIMIT $2",
            params![now, SWEEP_BATCH],
        )?
        .map(|row| row.get::<Uuid>(0))?;
    for order_id in expired {
        transaction(db, order_id, || {
            let expired_now = db.execute(
                "UPDATE inventory_reservations SET status = 'expired', updated_at = $1
                 WHERE order_id = $2 AND status = 'held' AND expires_at <= $1 RETURNING order_id",
                params![now, order_id],
            )?;
            if !expired_now.is_empty() {
                unreserve_units(db, &lines(db, order_id)?)?;
            }
            Ok::<_, SqlError>(())
        })?;
    }
    Ok(())
}

/// Reserves all lines or none. A repeat for the same order returns the existing reservation.
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
        reserve_units(db, wanted)?;
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

/// Extends a reservation to `expires_at`. If the stored expiry is later, keeps the stored expiry.
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

/// Moves the reserved stock out of the warehouse. A repeated commit changes nothing.
pub fn commit(db: &dyn Database, order_id: Uuid, now: Millis) -> Result<Reservation, Error> {
    transaction(db, order_id, || {
        let reservation = find(db, order_id)?;
        apply(db, &reservation, reservation.commit()?, now)?;
        find(db, order_id)
    })
}

/// Releases the reservation. If the order has no reservation, stores one with the status `released`, so that a request that is
/// still in flight cannot reserve stock for the cancelled order.
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
            Movement::Reserve => reserve_units(db, lines)?,
            Movement::Unreserve => unreserve_units(db, lines)?,
            Movement::Sell => sell_units(db, lines)?,
            Movement::Restock => restock_units(db, lines)?,
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

/// Reserves the units of all lines. If too few units are available, the error lists every line that lacks units. The caller's
/// transaction then fails, so no unit stays reserved.
fn reserve_units(db: &dyn Database, wanted: &[Line]) -> Result<(), Error> {
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

fn unreserve_units(db: &dyn Database, lines: &[Line]) -> Result<(), SqlError> {
    for line in lines {
        db.execute(
            "UPDATE inventory_items SET reserved = reserved - $1 WHERE sku = $2",
            params![line.quantity, &line.sku],
        )?;
    }
    Ok(())
}

fn sell_units(db: &dyn Database, lines: &[Line]) -> Result<(), SqlError> {
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

fn restock_units(db: &dyn Database, lines: &[Line]) -> Result<(), SqlError> {
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
        .one(reservation_without_lines)?;
    let Some(reservation) = found else {
        return Ok(None);
    };
    let lines = lines(db, order_id)?;
    Ok(Some(Reservation {
        lines,
        ..reservation
    }))
}

/// Lists the reservations whose order id is greater than `after`, sorted by order id, at most `count` reservations.
pub fn list(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Reservation>, SqlError> {
    let mut found = db
        .execute(
            "SELECT order_id, status, expires_at FROM inventory_reservations WHERE order_id > $1 ORDER BY order_id LIMIT $2",
            params![after, count],
        )?
        .map(reservation_without_lines)?;
    let ids: Vec<Uuid> = found.iter().map(|found| found.order_id).collect();
    let mut lines = lines_by_order(db, &ids)?;
    for reservation in &mut found {
        reservation.lines = lines.remove(&reservation.order_id).unwrap_or_default();
    }
    Ok(found)
}

fn reservation_without_lines(row: Row<'_>) -> Result<Reservation, SqlError> {
    Ok(Reservation {
        order_id: row.get(0)?,
        status: row.parse(1)?,
        lines: Vec::new(),
        expires_at: rfc3339(row.get(2)?),
    })
}

fn lines(db: &dyn Database, order_id: Uuid) -> Result<Vec<Line>, SqlError> {
    Ok(lines_by_order(db, &[order_id])?
        .remove(&order_id)
        .unwrap_or_default())
}

fn lines_by_order(
    db: &dyn Database,
    order_ids: &[Uuid],
) -> Result<BTreeMap<Uuid, Vec<Line>>, SqlError> {
    let mut all = BTreeMap::<Uuid, Vec<Line>>::new();
    if order_ids.is_empty() {
        return Ok(all);
    }
    let statement = format!(
        "SELECT order_id, sku, quantity FROM inventory_reservation_lines WHERE order_id IN ({})",
        placeholders(1, order_ids.len())
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
        // The lines are sorted by the bytes of their SKUs, as the lines of a request are. So all transactions lock the stock in the
        // same sequence. The text order of PostgreSQL is not used, because it depends on the database's locale.
        lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    }
    Ok(all)
}
