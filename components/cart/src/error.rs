//! Errors of requests, with one variant for each case that a caller can act on. `http.rs` maps each variant to a status and a code.

use stoa_service::Sku;
use stoa_service::outbound::PeerError;
use stoa_service::sql::SqlError;
use stoa_service::text::shorten;

/// The reason why a request failed. A failed request changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalogue has no product with this SKU.
    #[error("sku: `{}` is not in the catalogue", shorten(.0))]
    UnknownProduct(String),
    /// The request sets a quantity that exceeds the available units.
    #[error("quantity: {quantity} of `{sku}` requested, {available} available")]
    InsufficientStock {
        /// The SKU of the item.
        sku: Sku,
        /// The requested number of units.
        quantity: u32,
        /// The number of available units.
        available: i64,
    },
    /// The cart already has the maximum number of items. This variant holds the maximum.
    #[error("sku: the cart is full; a cart has at most {0} items")]
    CartFull(usize),
    /// The component `pricing` failed. A retry will fail again.
    #[error("cannot price the cart")]
    Pricing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A call to `product` or `inventory` failed. A retry may succeed.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The database failed. A retry may succeed.
    #[error(transparent)]
    Database(#[from] SqlError),
}
