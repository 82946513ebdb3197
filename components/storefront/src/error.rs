//! The errors of this service. `http.rs` maps each error to a status and a page.

use stoa_service::outbound::PeerError;

/// The reason why a page cannot list products.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service `product` rejected the search. The text explains the reason to the shopper.
    #[error("{0}")]
    SearchRejected(String),
    /// The call to the service `product` failed. A retry may help.
    #[error(transparent)]
    Peer(#[from] PeerError),
}
