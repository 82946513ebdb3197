//! The tables of this component.

use stoa_service::sql::{Schema, Step};

/// The tables of all third parties.
pub const SCHEMA: Schema = Schema {
    service: "partners",
    migrations: &[&[
        Step::Sql(
            "CREATE TABLE partners_scripts (partner TEXT PRIMARY KEY, mode TEXT NOT NULL, status BIGINT NOT NULL,
             delay_ms BIGINT NOT NULL, remaining BIGINT)",
        ),
        Step::Sql(
            "CREATE TABLE partners_keys (partner TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL,
             PRIMARY KEY (partner, key))",
        ),
        Step::Sql(
            "CREATE TABLE partners_charges (reference TEXT PRIMARY KEY, charge_id TEXT NOT NULL UNIQUE, amount BIGINT,
             currency TEXT, status TEXT NOT NULL, decline_code TEXT)",
        ),
        Step::Sql(
            "CREATE TABLE partners_ledger (entry_id TEXT PRIMARY KEY, reference TEXT NOT NULL, kind TEXT NOT NULL,
             amount BIGINT, currency TEXT, at BIGINT NOT NULL)",
        ),
        Step::Sql("CREATE INDEX partners_ledger_reference ON partners_ledger (reference, entry_id)"),
        Step::Sql(
            "CREATE TABLE partners_parcels (tracking_number TEXT PRIMARY KEY, reference TEXT NOT NULL UNIQUE,
             address TEXT NOT NULL, lines TEXT NOT NULL, status TEXT NOT NULL, created_at BIGINT NOT NULL)",
        ),
        Step::Sql(
            "CREATE TABLE partners_parcel_events (event_id TEXT PRIMARY KEY, tracking_number TEXT NOT NULL,
             status TEXT NOT NULL, at BIGINT NOT NULL, UNIQUE (tracking_number, status))",
        ),
        Step::Sql(
            "CREATE TABLE partners_messages (message_id TEXT PRIMARY KEY, channel TEXT NOT NULL, key TEXT,
             recipient TEXT NOT NULL, subject TEXT, body TEXT NOT NULL, at BIGINT NOT NULL, UNIQUE (channel, key))",
        ),
        Step::Sql("CREATE INDEX partners_messages_recipient ON partners_messages (channel, recipient, message_id)"),
        Step::Sql("CREATE INDEX partners_messages_channel ON partners_messages (channel, message_id)"),
    ]],
};
