//! The errors of a run.

use hdrhistogram::CreationError;
use tokio::task::JoinError;

/// The reason why a run has no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan is invalid. Each text describes one invalid value.
    #[error("{}", .0.join("\n"))]
    Plan(Vec<String>),
    /// The catalogue cannot be read, probably because no shop runs at this address.
    #[error("cannot read the catalogue of {target}: {reason}")]
    NoShop {
        /// The shop's address.
        target: String,
        /// The cause, such as a closed port.
        reason: String,
    },
    /// No product has a price, so buyers cannot buy.
    #[error("{target}: no product in the catalogue has a price, so buyers cannot buy")]
    NothingToBuy {
        /// The shop's address.
        target: String,
    },
    /// The run was stopped before customers arrived.
    #[error("stopped before the load began")]
    Stopped,
    /// The certificate authorities for https cannot be read.
    #[error("cannot read the certificate authorities for https: {0}")]
    Tls(#[from] std::io::Error),
    /// A latency histogram cannot be created, because of a bug in this crate.
    #[error("cannot create a latency histogram: {0}")]
    Histogram(#[from] CreationError),
    /// The task of a simulated customer panicked, because of a bug in this crate.
    #[error("the task of a simulated customer failed: {0}")]
    Customer(#[from] JoinError),
}
