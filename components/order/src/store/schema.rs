//! The database tables of the service `order`.

use stoa_service::sql::{Schema, Step};
use stoa_service::{idempotency_table, jwks_table, outbox_index, outbox_table};

/// The tables of this service, with their migrations. The column `doubt_until` stores [`crate::domain::Order::uncertain_until`].
pub const SCHEMA: Schema = Schema {
    service: "order",
    migrations: &[ORDERS, CARTS],
};

const ORDERS: &[Step] = &[
    Step::Sql(
        "CREATE TABLE order_orders (order_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, email TEXT NOT NULL,
         name TEXT NOT NULL, phone TEXT, idempotency_key TEXT, fingerprint TEXT NOT NULL, status TEXT NOT NULL,
         direction TEXT NOT NULL, step TEXT NOT NULL, amount BIGINT NOT NULL, currency TEXT NOT NULL,
         address TEXT NOT NULL, card_token TEXT NOT NULL, payment_id TEXT, payment_status TEXT, shipment_id TEXT,
         tracking_number TEXT, shipment_status TEXT, failure TEXT, clear_cart BIGINT NOT NULL,
         doubt_until BIGINT NOT NULL, created_at BIGINT NOT NULL, confirmed_at BIGINT, lease_owner TEXT NOT NULL,
         lease_until BIGINT NOT NULL, version BIGINT NOT NULL)",
    ),
    // The key is NULL in an order whose key was freed. A unique index permits several NULLs.
    Step::Sql(
        "CREATE UNIQUE INDEX order_orders_key ON order_orders (user_id, idempotency_key)",
    ),
    Step::Sql("CREATE INDEX order_orders_user ON order_orders (user_id, order_id)"),
    Step::Sql("CREATE INDEX order_orders_status ON order_orders (status, order_id)"),
    Step::Sql("CREATE INDEX order_orders_lease ON order_orders (status, lease_until)"),
    Step::Sql(
        "CREATE TABLE order_items (order_id TEXT NOT NULL, seq BIGINT NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL,
         quantity BIGINT NOT NULL, unit_amount BIGINT NOT NULL, line_amount BIGINT NOT NULL,
         PRIMARY KEY (order_id, seq))",
    ),
    Step::Sql(
        "CREATE TABLE order_timeline (order_id TEXT NOT NULL, seq BIGINT NOT NULL, step TEXT NOT NULL,
         status TEXT NOT NULL, at BIGINT NOT NULL, detail TEXT, PRIMARY KEY (order_id, seq))",
    ),
    Step::Sql(idempotency_table!("order")),
    Step::Sql(jwks_table!("order")),
    Step::Sql(outbox_table!("order")),
    Step::Sql(outbox_index!("order")),
];

/// The table `order_carts` stores which order (`order_id`) claims a user's cart. The claim ends when the order is cancelled or its
/// items are removed from the cart. After a removal, an order can claim only the cart's versions from `free_from` on, because older
/// versions still contain the ordered items.
const CARTS: &[Step] = &[
    Step::Sql("ALTER TABLE order_orders ADD COLUMN freed_key TEXT"),
    Step::Sql("ALTER TABLE order_orders ADD COLUMN cart_version BIGINT"),
    Step::Sql(
        "CREATE TABLE order_carts (user_id TEXT PRIMARY KEY, order_id TEXT, free_from BIGINT NOT NULL)",
    ),
    Step::Sql("CREATE INDEX order_carts_order ON order_carts (order_id)"),
];
