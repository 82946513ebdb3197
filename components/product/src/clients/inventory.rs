//! A client of the service `inventory`, which reports available units.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

/// Timeout of a call to `inventory`. It is short, because a list of products without the numbers of available units is better than
/// a late list.
pub const TIMEOUT: Duration = Duration::from_millis(500);

/// A client of the service `inventory` for one request.
pub struct InventoryClient<'a> {
    peer: Peer<'a>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sku: Sku,
    available: i64,
}

impl<'a> InventoryClient<'a> {
    /// Creates a client of the service `inventory` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self {
            peer: caller.peer("the inventory service", url, TIMEOUT),
        }
    }

    /// Reads the number of available units for at most 100 SKUs, in one call. The result has no entry for a SKU that is not
    /// stocked.
    pub fn available(&self, skus: &[&str]) -> Result<BTreeMap<Sku, i64>, PeerError> {
        let path = format!("/items?sku={}", skus.join(","));
        let page: Page = self.peer.fetch(self.peer.call(Method::GET, &path))?;
        let items = page.items.into_iter();
        Ok(items.map(|item| (item.sku, item.available)).collect())
    }
}
