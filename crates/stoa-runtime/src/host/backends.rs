//! State behind the interfaces that the components of an app share. Each interface takes the parts that it needs.
use std::sync::Arc;

use crate::database::Databases;
use crate::outbound::Client;
use crate::postgres::Servers;

/// Databases and connections of one app.
pub(crate) struct Backends {
    /// SQLite files.
    pub(crate) databases: Arc<Databases>,
    /// Connection pools for PostgreSQL, shared by all apps of the process.
    pub(crate) postgres: Arc<Servers>,
    /// Connections to other HTTP servers.
    pub(crate) http: Arc<Client>,
}
