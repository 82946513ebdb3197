//! The stock in SQL. Every change is one short transaction. Stock moves by conditional updates, so two writers never reserve the
//! same unit.
//!
//! [`items`] stores the counts and the ledger, and [`reservations`] stores the reserved units.

use stoa_service::sql::{Database, Schema, SqlError, Step};
use stoa_service::{Sku, idempotency_table};

pub mod items;
pub mod reservations;

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
        sku: Sku,
        on_hand: u32,
    }
    let stock: Vec<Stock> = serde_json::from_str(include_str!("../stock.json"))
        .map_err(|e| SqlError::Other(format!("cannot read stock.json: {e}")))?;
    for Stock { sku, on_hand } in stock {
        items::write_on_hand(db, &sku, 0, on_hand.into())?;
    }
    Ok(())
}
