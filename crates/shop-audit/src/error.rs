//! Why there is no verdict.

use http::StatusCode;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The operator's address cannot be used.
    #[error("operator: `{0}` is not an address such as http://127.0.0.1:8081")]
    Address(String),
    /// There is no response.
    #[error("{url} does not answer: {reason}")]
    NoResponse {
        /// The request's URL.
        url: String,
        /// The cause.
        reason: String,
    },
    /// The response has another status than 200.
    #[error("{url} answered {status}, expected 200: {text}")]
    Status {
        /// The request's URL.
        url: String,
        /// The response's status.
        status: StatusCode,
        /// The beginning of its body.
        text: String,
    },
    /// The response does not conform to its interface.
    #[error("{url} answered against its interface (api/): {reason}")]
    Invalid {
        /// The request's URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}
