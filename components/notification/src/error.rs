//! The errors of this component: one variant for each case that a caller can act on. `http.rs` maps each variant to a status and a
//! code.

use stoa_service::Invalid;
use stoa_service::sql::SqlError;
use uuid::Uuid;

/// Why an event was not accepted, or a request was not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The event names another user than an earlier event of the same order.
    #[error("data.user_id: order {0} belongs to another user")]
    OtherCustomer(Uuid),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
