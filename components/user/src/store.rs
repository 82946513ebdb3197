//! The tables of this service, and their SQL.
//!
//! [`accounts`] stores accounts, and [`signing_key`] stores the generated signing key. [`login_attempts`] counts failed log-ins,
//! and [`known_addresses`] stores the addresses from which people have logged in to an account.

use stoa_service::sql::{Schema, Step};

pub mod accounts;
pub mod known_addresses;
pub mod login_attempts;
pub mod signing_key;

/// The tables of this service.
pub const SCHEMA: Schema = Schema {
    service: "user",
    migrations: &[
        &[
            Step::Sql(
                "CREATE TABLE user_accounts (user_id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
                 phone TEXT, password_hash TEXT NOT NULL, created_at BIGINT NOT NULL)",
            ),
            Step::Sql(
                "CREATE TABLE user_keys (id BIGINT PRIMARY KEY, kid TEXT NOT NULL, private_key TEXT NOT NULL,
                 created_at BIGINT NOT NULL)",
            ),
        ],
        // user_attempts has a row for each bucket of failed log-ins. user_places has a row for each known address of an account.
        &[
            Step::Sql("CREATE TABLE user_attempts (bucket TEXT PRIMARY KEY, empty_at BIGINT NOT NULL)"),
            Step::Sql("CREATE INDEX user_attempts_empty ON user_attempts (empty_at)"),
            Step::Sql(
                "CREATE TABLE user_places (place TEXT PRIMARY KEY, account TEXT NOT NULL, seen_at BIGINT NOT NULL)",
            ),
            Step::Sql("CREATE INDEX user_places_account ON user_places (account, seen_at)"),
            Step::Sql("CREATE INDEX user_places_seen ON user_places (seen_at)"),
        ],
    ],
};
