//! Why there was no run.

use hdrhistogram::CreationError;
use tokio::task::JoinError;

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan cannot be run.
    #[error("{}", .0.join("\n"))]
    Plan(Vec<String>),
    /// The catalogue cannot be read, so there is no shop at this address.
    #[error("{target}: the catalogue cannot be read: {why}")]
    NoShop {
        /// The shop's address.
        target: String,
        /// The cause.
        why: String,
    },
    /// No product has a price, so buyers cannot buy.
    #[error("{target}: nothing in the catalogue has a price")]
    NothingToBuy {
        /// The shop's address.
        target: String,
    },
    /// The run was stopped before customers arrived.
    #[error("stopped before the load began")]
    Stopped,
    /// Authorities for https cannot be read.
    #[error("https: {0}")]
    Tls(#[from] std::io::Error),
    /// A fault of this crate.
    #[error("histogram: {0}")]
    Histogram(#[from] CreationError),
    /// A fault of this crate.
    #[error("a customer's task failed: {0}")]
    Customer(#[from] JoinError),
}
