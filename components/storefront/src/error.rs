//! Errors. `http.rs` gives each its status and its page.

use stoa_service::outbound::PeerError;

/// Why there is no list of products.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Product rejected the search; the sentence is for the person who searches.
    #[error("{0}")]
    SearchRejected(String),
    /// Product cannot serve the call; a retry may help.
    #[error(transparent)]
    Peer(#[from] PeerError),
}
