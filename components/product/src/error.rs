//! What can go wrong, as the caller can act on it. `http.rs` gives each its status and code.

use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::text::shorten;

/// A request that was not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parameter `sku` is not a list of SKUs; the sentence says why.
    #[error("sku: {0}")]
    BadSkuList(String),
    /// The parameter `q` cannot be searched for; the sentence says why.
    #[error("q: {0}")]
    BadSearch(String),
    /// The page token was made for another list.
    #[error("page_token: belongs to another list; leave it out to begin this one")]
    ForeignPageToken,
    /// Neither an id nor a SKU of a product.
    #[error("product_id: `{}` is not the id or the SKU of a product", shorten(.0))]
    NoSuchProduct(String),
    /// Whether the purchase was ordered is not known.
    #[error(
        "order does not answer; a repeat with the same Idempotency-Key finds out whether it was ordered"
    )]
    OrderUnreachable(#[source] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
