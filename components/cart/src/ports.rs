//! What a cart needs of others: product and inventory.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::money::Money;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::{Context, Problem};

/// How long product and inventory may take. A cart is looked at often, and there are yesterday's prices to show.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What product says of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// The stock keeping unit.
    pub sku: String,
    /// What it is called.
    pub name: String,
    /// `None` where it has no price.
    pub price: Option<Money>,
}

/// The products of `skus` (well-formed, at most 100) in one call; those that are not in the catalogue are left out.
/// Errors: 503.
pub fn products(
    outbound: &dyn Outbound,
    context: &Context,
    product_url: &str,
    skus: &[&str],
) -> Result<Vec<Product>, Problem> {
    #[derive(Deserialize)]
    struct Page {
        items: Vec<Product>,
    }
    let path = format!("/product?sku={}", skus.join(","));
    let peer = Caller { outbound, context }.peer("product", product_url, TIMEOUT);
    let page: Page = peer.fetch(peer.call(Method::GET, &path))?;
    Ok(page.items)
}

/// How many units of `sku` may be sold, 0 where inventory does not stock it. Errors: 503.
pub fn available(
    outbound: &dyn Outbound,
    context: &Context,
    inventory_url: &str,
    sku: &str,
) -> Result<i64, Problem> {
    #[derive(Deserialize)]
    struct Item {
        available: i64,
    }
    let peer = Caller { outbound, context }.peer("inventory", inventory_url, TIMEOUT);
    let reply = peer.send(peer.call(Method::GET, &format!("/items/{sku}")))?;
    match reply.status {
        StatusCode::OK => Ok(peer.read::<Item>(&reply)?.available),
        StatusCode::NOT_FOUND if reply.code() == "not_found" => Ok(0),
        _ => Err(peer.unexpected(&reply).into()),
    }
}
