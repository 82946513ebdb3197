//! The errors of an audit.

use http::StatusCode;

/// The reason why an audit ended without a verdict.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The operator's address is invalid.
    #[error(
        "operator: `{0}`; expected an http address without a path, such as http://127.0.0.1:8081"
    )]
    Address(String),
    /// The shop sent no response.
    #[error("cannot read {url}: {reason}")]
    NoResponse {
        /// The request's URL.
        url: String,
        /// The cause, such as a closed port.
        reason: String,
    },
    /// The response's status is not 200.
    #[error("cannot read {url}: the response has status {status}, expected 200: {text}")]
    Status {
        /// The request's URL.
        url: String,
        /// The response's status.
        status: StatusCode,
        /// The beginning of the response's body.
        text: String,
    },
    /// The response violates the interface in `api/`.
    #[error("{url}: the response violates the interface in api/: {reason}")]
    Invalid {
        /// The request's URL.
        url: String,
        /// The violation, such as a missing member.
        reason: String,
    },
}
