//! The service inventory: available units.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

/// Timeout of inventory; a list without numbers is better than a late one.
pub const TIMEOUT: Duration = Duration::from_millis(500);

/// Inventory, on behalf of one request.
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
    /// Inventory at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self {
            peer: caller.peer("inventory", url, TIMEOUT),
        }
    }

    /// Units available of `skus` (at most 100), in one call. SKUs that inventory does not stock are left out.
    pub fn available(&self, skus: &[&str]) -> Result<BTreeMap<Sku, i64>, PeerError> {
        let path = format!("/items?sku={}", skus.join(","));
        let page: Page = self.peer.fetch(self.peer.call(Method::GET, &path))?;
        let items = page.items.into_iter();
        Ok(items.map(|item| (item.sku, item.available)).collect())
    }
}
