//! What product needs of others: the PIM's texts, inventory's numbers, and order to make an order.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stoa_service::Context;
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::text::shorten;

/// How long the PIM may take: its texts are better than ours, but not worth a wait.
pub const PIM_TIMEOUT: Duration = Duration::from_millis(300);
/// How long inventory may take; a list without numbers is better than a late one.
pub const INVENTORY_TIMEOUT: Duration = Duration::from_millis(500);
/// How long an order may take: reserving, charging and shipping, below what a request may live.
pub const ORDER_TIMEOUT: Duration = Duration::from_secs(25);

/// What the PIM says of a product. Absent is the catalogue's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Texts {
    /// A description.
    pub description: Option<String>,
    /// A picture's path or URL.
    pub image: Option<String>,
}

/// Asks the PIM for `sku` (well-formed). A product it does not know has no texts.
pub fn texts(
    outbound: &dyn Outbound,
    context: &Context,
    pim_url: &str,
    sku: &str,
) -> Result<Texts, CallError> {
    let path = format!("/pim/products/{sku}");
    let call = Call::new(context, Method::GET, pim_url, &path).timeout(PIM_TIMEOUT);
    let reply = outbound.send(call)?;
    match reply.status {
        StatusCode::OK => reply.json(),
        StatusCode::NOT_FOUND => Ok(Texts::default()),
        _ => Err(unusable(&reply)),
    }
}

/// Units available of `skus` (well-formed, at most 100), in one call. What inventory does not stock is not in it.
pub fn available(
    outbound: &dyn Outbound,
    context: &Context,
    inventory_url: &str,
    skus: &[&str],
) -> Result<BTreeMap<String, i64>, CallError> {
    #[derive(Deserialize)]
    struct Page {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        sku: String,
        available: i64,
    }
    let path = format!("/items?sku={}", skus.join(","));
    let call = Call::new(context, Method::GET, inventory_url, &path).timeout(INVENTORY_TIMEOUT);
    let reply = outbound.send(call)?;
    if reply.status != StatusCode::OK {
        return Err(unusable(&reply));
    }
    let page: Page = reply.json()?;
    Ok(page
        .items
        .into_iter()
        .map(|item| (item.sku, item.available))
        .collect())
}

/// An order of one line. Address and payment are order's to judge.
#[derive(Debug, Serialize)]
pub struct Purchase<'a> {
    /// The one line.
    pub items: [Line<'a>; 1],
    /// As the caller sent it.
    pub shipping_address: &'a Value,
    /// As the caller sent it.
    pub payment: &'a Value,
}

/// A line of an order.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// The stock keeping unit.
    pub sku: &'a str,
    /// Units.
    pub quantity: u32,
}

/// Orders in the caller's name, under the caller's key: a repeat of it is the same order. The answer, whatever it is.
pub fn order(
    outbound: &dyn Outbound,
    context: &Context,
    order_url: &str,
    token: &str,
    key: &str,
    purchase: &Purchase<'_>,
) -> Result<Reply, CallError> {
    let call = Call::new(context, Method::POST, order_url, "/order")
        .bearer(token)
        .idempotency_key(key)
        .json(purchase)
        .timeout(ORDER_TIMEOUT);
    outbound.send(call)
}

fn unusable(reply: &Reply) -> CallError {
    CallError::Lost(format!(
        "status {} {}",
        reply.status,
        shorten(&String::from_utf8_lossy(&reply.body))
    ))
}
