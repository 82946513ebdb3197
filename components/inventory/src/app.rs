//! The application's parts.

use stoa_service::sql::Database;

use crate::config::Config;

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
}
