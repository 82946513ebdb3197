//! The application's parts.

use stoa_service::sql::Database;

use crate::config::Config;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
}
