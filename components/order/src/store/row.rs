//! Decodes database rows into orders, items and entries of the timeline.

use serde::de::DeserializeOwned;
use stoa_service::Sku;
use stoa_service::money::{Currency, Money};
use stoa_service::sql::{Row, SqlError};
use uuid::Uuid;

use crate::domain::{Customer, Entry, Item, Lease, Order, Payment, Shipment, StepName};

/// Decodes a row of `order_orders` into an order without items and timeline.
pub(super) fn order_row(row: Row<'_>) -> Result<Order, SqlError> {
    let payment = match row.get::<Option<Uuid>>(14)? {
        Some(payment_id) => Some(Payment {
            payment_id,
            status: row.get(15)?,
        }),
        None => None,
    };
    let shipment = match row.get::<Option<Uuid>>(16)? {
        Some(shipment_id) => Some(Shipment {
            shipment_id,
            tracking_number: row.get(17)?,
            status: row.get(18)?,
        }),
        None => None,
    };
    let failure = row.get::<Option<String>>(19)?;
    Ok(Order {
        order_id: row.get(0)?,
        customer: Customer {
            user_id: row.get(1)?,
            email: row.get(2)?,
            name: row.get(3)?,
            phone: row.get(4)?,
        },
        idempotency_key: row.get(5)?,
        fingerprint: row.get(6)?,
        status: row.parse(7)?,
        direction: row.parse(8)?,
        step: StepName::from(row.get::<String>(9)?),
        items: Vec::new(),
        total: Money {
            amount: row.get(10)?,
            currency: row.parse(11)?,
        },
        address: from_json(12, "address", &row.get::<String>(12)?)?,
        card_token: row.get(13)?,
        payment,
        shipment,
        failure: failure
            .map(|text| from_json(19, "failure", &text))
            .transpose()?,
        clear_cart: row.get(20)?,
        uncertain_until: row.get(21)?,
        created_at: row.get(22)?,
        confirmed_at: row.get(23)?,
        lease: Lease {
            owner: row.get(24)?,
            until: row.get(25)?,
        },
        version: row.get(26)?,
        freed_key: row.get(27)?,
        cart_version: row.get(28)?,
        timeline: Vec::new(),
    })
}

/// A line of an order as the database stores it. The line has no currency, because the order stores one currency for all lines.
pub(super) struct StoredItem {
    sku: Sku,
    name: String,
    quantity: u32,
    unit_amount: i64,
    line_amount: i64,
}

impl StoredItem {
    pub(super) fn priced_in(self, currency: Currency) -> Item {
        let money = |amount| Money { amount, currency };
        Item {
            sku: self.sku,
            name: self.name,
            quantity: self.quantity,
            unit_price: money(self.unit_amount),
            line_total: money(self.line_amount),
        }
    }
}

/// Decodes a row of `order_items`.
pub(super) fn item(row: Row<'_>) -> Result<StoredItem, SqlError> {
    Ok(StoredItem {
        sku: row.get(1)?,
        name: row.get(2)?,
        quantity: row.get(3)?,
        unit_amount: row.get(4)?,
        line_amount: row.get(5)?,
    })
}

/// Decodes a row of `order_timeline`.
pub(super) fn entry(row: Row<'_>) -> Result<Entry, SqlError> {
    Ok(Entry {
        step: StepName::from(row.get::<String>(1)?),
        status: row.parse(2)?,
        at: row.get(3)?,
        detail: row.get(4)?,
    })
}

/// Decodes a JSON column. Error: [`SqlError::UnexpectedValue`] if the value is unreadable, as for columns of other types.
fn from_json<T: DeserializeOwned>(index: usize, column: &str, text: &str) -> Result<T, SqlError> {
    serde_json::from_str(text).map_err(|error| SqlError::UnexpectedValue {
        column: index,
        statement: format!("order_orders.{column}"),
        found: error.to_string(),
    })
}
