//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.

use stoa_service::Sku;
use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::text::shorten;

/// An operation that changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No product has this SKU.
    #[error("sku: `{}` is not in the catalogue", shorten(.0))]
    UnknownProduct(String),
    /// Fewer units are available than the cart would hold.
    #[error("quantity: {quantity} of `{sku}` requested, {available} available")]
    InsufficientStock {
        /// The item.
        sku: Sku,
        /// Units that the cart would hold.
        quantity: u32,
        /// Available units.
        available: i64,
    },
    /// The cart already holds the most items.
    #[error("sku: the cart is full; it holds {0} items at most")]
    CartFull(usize),
    /// The component `pricing` failed. A retry does not help.
    #[error("the cart cannot be priced")]
    Pricing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Product or inventory cannot serve a call; a retry may help.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
