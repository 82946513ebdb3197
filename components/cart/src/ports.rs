//! What a cart needs of others: product, inventory, pricing.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::money::Money;
use stoa_service::outbound::{Call, Outbound, unexpected};
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
    let call = Call::new(context, Method::GET, product_url, &path).timeout(TIMEOUT);
    let reply = outbound.send(call).map_err(|e| e.into_problem("product"))?;
    if reply.status != StatusCode::OK {
        return Err(unexpected("product", &reply));
    }
    let page: Page = reply.json().map_err(|e| e.into_problem("product"))?;
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
    let path = format!("/items/{sku}");
    let call = Call::new(context, Method::GET, inventory_url, &path).timeout(TIMEOUT);
    let reply = outbound
        .send(call)
        .map_err(|e| e.into_problem("inventory"))?;
    match reply.status {
        StatusCode::OK => {
            let item: Item = reply.json().map_err(|e| e.into_problem("inventory"))?;
            Ok(item.available)
        }
        StatusCode::NOT_FOUND if reply.code() == "not_found" => Ok(0),
        _ => Err(unexpected("inventory", &reply)),
    }
}

/// A line to be priced.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The stock keeping unit.
    pub sku: &'a str,
    /// Units.
    pub quantity: u32,
    /// What one costs.
    pub unit_price: Money,
}

/// What lines cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Of each line, in the order asked.
    pub line_totals: Vec<Money>,
    /// Of all.
    pub total: Money,
}

/// Why there is no quote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The lines are not all in one currency.
    #[error("the items are priced in several currencies")]
    MixedCurrencies,
    /// The sum is more than an amount may be.
    #[error("the total is more than an amount may be")]
    Overflow,
    /// Not to be expected of lines with a price and a quantity.
    #[error("pricing does not answer as expected: {0}")]
    Broken(String),
}

/// Where money is computed: the component `pricing`, or its rules in native tests.
pub trait Prices {
    /// Prices `lines`, of which there is at least one.
    fn quote(&self, lines: &[Line<'_>]) -> Result<Quote, PriceError>;
}
