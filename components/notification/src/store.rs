//! The tables. [`events`] stores events and their notifications, [`inbox`] lists the notifications of users, and [`deliveries`]
//! reads deliveries and their messages.

use stoa_service::jwks_table;
use stoa_service::sql::{Schema, Step};

pub mod deliveries;
pub mod events;
pub mod inbox;

/// The tables of this service.
///
/// A notification whose customer is not known yet has no `user_id` and no deliveries. When an event that names the order's customer
/// arrives, the transaction that stores this event adds the `user_id` and the deliveries.
pub const SCHEMA: Schema = Schema {
    service: "notification",
    migrations: &[&[
        Step::Sql(
            "CREATE TABLE notification_events (source TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT,
             data TEXT NOT NULL, received_at BIGINT NOT NULL, PRIMARY KEY (source, id))",
        ),
        Step::Sql(
            "CREATE TABLE notification_orders (order_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, email TEXT NOT NULL,
             name TEXT NOT NULL, phone TEXT)",
        ),
        Step::Sql(
            "CREATE TABLE notification_inbox (notification_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, user_id TEXT,
             type TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, sms TEXT, created_at BIGINT NOT NULL)",
        ),
        Step::Sql(
            "CREATE INDEX notification_inbox_user ON notification_inbox (user_id, notification_id)",
        ),
        Step::Sql("CREATE INDEX notification_inbox_order ON notification_inbox (order_id)"),
        Step::Sql(
            "CREATE TABLE notification_deliveries (delivery_id TEXT PRIMARY KEY, notification_id TEXT NOT NULL,
             channel TEXT NOT NULL, status TEXT NOT NULL, attempts BIGINT NOT NULL, next_attempt_at BIGINT NOT NULL,
             UNIQUE (notification_id, channel))",
        ),
        Step::Sql(
            "CREATE INDEX notification_deliveries_due ON notification_deliveries (status, next_attempt_at)",
        ),
        Step::Sql(jwks_table!("notification")),
    ]],
};
