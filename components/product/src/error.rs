//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.

use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::text::shorten;

/// A request that was not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parameter `sku` is not a list of SKUs; the text states why.
    #[error("sku: {0}")]
    BadSkuList(String),
    /// The parameter `q` cannot be searched for; the text states why.
    #[error("q: {0}")]
    BadSearch(String),
    /// The page token was made for another list.
    #[error("page_token: belongs to another list; leave it out to begin this one")]
    ForeignPageToken,
    /// The text is neither the id nor the SKU of a product.
    #[error("product_id: `{}` is not the id or the SKU of a product", shorten(.0))]
    NoSuchProduct(String),
    /// It is not known whether the purchase was ordered.
    #[error(
        "order does not answer; a repeat with the same Idempotency-Key finds out whether it was ordered"
    )]
    OrderUnreachable(#[source] PeerError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
