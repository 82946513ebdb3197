//! What an order needs to be priced: cart, product, pricing.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::money::Money;
use stoa_service::outbound::{Call, Outbound, unexpected};
use stoa_service::{Context, Problem};

use crate::draft::Line;

/// Nothing has been written yet: a slow answer here only costs the customer's patience.
const TIMEOUT: Duration = Duration::from_secs(3);

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

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

fn get<T: serde::de::DeserializeOwned>(
    outbound: &dyn Outbound,
    call: Call,
    peer: &str,
) -> Result<Vec<T>, Problem> {
    let reply = outbound
        .send(call.timeout(TIMEOUT))
        .map_err(|e| e.into_problem(peer))?;
    if reply.status != StatusCode::OK {
        return Err(unexpected(peer, &reply));
    }
    let page: Items<T> = reply.json().map_err(|e| e.into_problem(peer))?;
    Ok(page.items)
}

/// The products of `lines` in one call; those that are not in the catalogue are left out. Errors: 503.
pub fn products(
    outbound: &dyn Outbound,
    context: &Context,
    product_url: &str,
    lines: &[Line],
) -> Result<Vec<Product>, Problem> {
    let skus: Vec<&str> = lines.iter().map(|line| line.sku.as_str()).collect();
    let path = format!("/product?sku={}", skus.join(","));
    let call = Call::new(context, Method::GET, product_url, &path);
    get(outbound, call, "product")
}

/// What is in the cart of the token's user. Errors: 503.
pub fn cart(
    outbound: &dyn Outbound,
    context: &Context,
    cart_url: &str,
    token: &str,
) -> Result<Vec<Line>, Problem> {
    let call = Call::new(context, Method::GET, cart_url, "/cart").bearer(token);
    let lines: Vec<CartLine> = get(outbound, call, "cart")?;
    Ok(lines
        .into_iter()
        .map(|CartLine { sku, quantity }| Line { sku, quantity })
        .collect())
}

/// A cart's line says more than that: prices, which are asked of product once more.
#[derive(Deserialize)]
struct CartLine {
    sku: String,
    quantity: u32,
}

/// Empties the cart of `user_id`. Errors: 503.
pub fn clear_cart(
    outbound: &dyn Outbound,
    context: &Context,
    cart_url: &str,
    user_id: uuid::Uuid,
) -> Result<(), Problem> {
    let path = format!("/internal/carts/{user_id}");
    let call = Call::new(context, Method::DELETE, cart_url, &path).timeout(TIMEOUT);
    let reply = outbound.send(call).map_err(|e| e.into_problem("cart"))?;
    if reply.status.is_success() {
        Ok(())
    } else {
        Err(unexpected("cart", &reply))
    }
}

/// A line to be priced.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The stock keeping unit.
    pub sku: &'a str,
    /// Units.
    pub quantity: u32,
    /// What one costs, if it has a price.
    pub unit_price: Option<Money>,
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
    /// These items have no price.
    #[error("no price: {}", .0.join(", "))]
    Unpriced(Vec<String>),
    /// The lines are not all in one currency.
    #[error("the items are priced in several currencies")]
    MixedCurrencies,
    /// The sum is more than an amount may be.
    #[error("the total is more than an amount may be")]
    Overflow,
    /// Not to be expected of lines with a quantity.
    #[error("pricing does not answer as expected: {0}")]
    Broken(String),
}

/// Where money is computed: the component `pricing`, or its rules in native tests.
pub trait Prices {
    /// Prices `lines`, of which there is at least one.
    fn quote(&self, lines: &[Asked<'_>]) -> Result<Quote, PriceError>;
}
