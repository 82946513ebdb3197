//! Creates one shipment for each order. Finds shipments by id, order or tracking number, and lists them in pages.

use stoa_service::sql::{Database, Row, SqlError, Value, placeholders};
use stoa_service::{Invalid, id, params, time};
use uuid::Uuid;

use crate::domain::Shipment;
use crate::domain::consignment::{Address, Line};
use crate::error::Error;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT shipment_id, order_id, address, lines, tracking_number, status, cancel_asked, created_at
             FROM shipping_shipments ",
            $rest
        )
    };
}

/// Creates the shipment of an order, unless the order already has a shipment. Returns the shipment, and whether this call created
/// it. The error is [`Error::ShipmentDiffers`] if the order already has a shipment with another address or other lines.
pub fn begin(
    db: &dyn Database,
    order_id: Uuid,
    address: &Address,
    lines: &[Line],
) -> Result<(Shipment, bool), Error> {
    let text = |json: Result<String, serde_json::Error>| {
        json.map_err(|error| Invalid::new(format!("body: {error}")))
    };
    let created = db.execute(
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
    let shipment = find_by_order(db, order_id)?
        .ok_or_else(|| SqlError::Other(format!("the shipment of order {order_id} is missing")))?;
    shipment.check_repeat(address, lines)?;
    Ok((shipment, !created.is_empty()))
}

/// Finds a shipment by its id.
pub fn find(db: &dyn Database, shipment_id: Uuid) -> Result<Shipment, Error> {
    db.execute(select!("WHERE shipment_id = $1"), params![shipment_id])?
        .one(shipment)?
        .ok_or(Error::NoShipment(shipment_id))
}

/// Finds the shipment of an order.
pub fn find_by_order(db: &dyn Database, order_id: Uuid) -> Result<Option<Shipment>, SqlError> {
    db.execute(select!("WHERE order_id = $1"), params![order_id])?
        .one(shipment)
}

/// Lists the shipments of these orders, sorted by order. Orders without a shipment are left out.
pub fn list_by_orders(db: &dyn Database, order_ids: &[Uuid]) -> Result<Vec<Shipment>, SqlError> {
    let statement = format!(
        "{} WHERE order_id IN ({}) ORDER BY order_id",
        select!(""),
        placeholders(1, order_ids.len())
    );
    let values: Vec<Value> = order_ids.iter().map(Value::from).collect();
    db.execute(&statement, &values)?.map(shipment)
}

/// Finds the shipment of the parcel with this tracking number.
pub fn find_by_tracking_number(
    db: &dyn Database,
    tracking_number: &str,
) -> Result<Shipment, Error> {
    db.execute(
        select!("WHERE tracking_number = $1"),
        params![tracking_number],
    )?
    .one(shipment)?
    .ok_or_else(|| Error::NoParcel(tracking_number.to_owned()))
}

/// Lists at most `count` shipments, oldest first, beginning after the shipment id `after`.
pub fn list(db: &dyn Database, after: &str, count: u32) -> Result<Vec<Shipment>, SqlError> {
    db.execute(
        select!("WHERE shipment_id > $1 ORDER BY shipment_id LIMIT $2"),
        params![after, count],
    )?
    .map(shipment)
}

fn shipment(row: Row<'_>) -> Result<Shipment, SqlError> {
    let unreadable = |column: &str| {
        SqlError::Other(format!(
            "cannot read the column {column} of shipping_shipments"
        ))
    };
    let (address, lines): (String, String) = (row.get(2)?, row.get(3)?);
    Ok(Shipment {
        shipment_id: row.get(0)?,
        order_id: row.get(1)?,
        address: serde_json::from_str(&address).map_err(|_| unreadable("address"))?,
        lines: serde_json::from_str(&lines).map_err(|_| unreadable("lines"))?,
        tracking_number: row.get(4)?,
        status: row.parse(5)?,
        cancel_requested: row.get(6)?,
        created_at: time::rfc3339(row.get(7)?),
    })
}
