//! The state that all components of an app share. Each interface uses the parts that it needs.
use std::sync::Arc;

use crate::database::Databases;
use crate::outbound::Client;
use crate::postgres::Servers;

/// The databases and connections of one app.
pub(crate) struct Backends {
    /// The app's SQLite databases.
    pub(crate) databases: Arc<Databases>,
    /// Connection pools for PostgreSQL, shared by all apps of the process.
    pub(crate) postgres: Arc<Servers>,
    /// The client that sends the app's HTTP requests to servers outside this process.
    pub(crate) http: Arc<Client>,
}
