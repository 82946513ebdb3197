//! The errors of this service: one variant for each case that a caller can act on. `http.rs` maps each variant to a status and
//! code.

use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::text::shorten;

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parameter `sku` is not a valid list of SKUs. The text states the reason.
    #[error("sku: {0}")]
    BadSkuList(String),
    /// The parameter `q` is not a valid search. The text states the reason.
    #[error("q: {0}")]
    BadSearch(String),
    /// The page token was issued for another list.
    #[error("page_token: was issued for another list; start again without page_token")]
    ForeignPageToken,
    /// No product has this id or SKU.
    #[error("product_id: `{}` is not the id or the SKU of a product", shorten(.0))]
    NoSuchProduct(String),
    /// The service `order` did not respond, so the outcome of the purchase is unknown.
    #[error(
        "the order service did not respond; retry with the same Idempotency-Key to learn the outcome of the purchase"
    )]
    OrderUnreachable(#[source] PeerError),
    /// The database failed. A retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
