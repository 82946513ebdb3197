//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.

use stoa_service::Invalid;
use stoa_service::sql::SqlError;
use uuid::Uuid;

/// An event that was not accepted, or a request that was not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The order belongs to another user than the event states.
    #[error("data.user_id: order {0} belongs to another user")]
    OtherCustomer(Uuid),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
