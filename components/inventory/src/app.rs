//! The settings and the database that every request handler uses.

use stoa_service::sql::Database;

use crate::config::Config;

/// The values that every request handler uses.
pub struct App {
    /// The validated settings.
    pub config: Config,
    /// The database of the service `inventory`.
    pub db: Box<dyn Database>,
}
