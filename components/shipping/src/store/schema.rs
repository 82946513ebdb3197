//! The tables of this service.

use stoa_service::sql::{Schema, Step};
use stoa_service::{idempotency_table, outbox_index, outbox_table};

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
        // The queue of call-offs. A call-off is for a shipment that the shop has cancelled and that the carrier may still have to
        // cancel.
        Step::Sql("CREATE TABLE shipping_call_offs (shipment_id TEXT PRIMARY KEY, due_at BIGINT NOT NULL)"),
        Step::Sql("CREATE INDEX shipping_call_offs_due ON shipping_call_offs (due_at, shipment_id)"),
    ], &[
        // The column `attempts` has a default, because the previous release, which may run at the same time, does not write this
        // column.
        Step::Sql("ALTER TABLE shipping_call_offs ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0"),
    ]],
};
