//! What an order needs to be priced: cart and product.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::money::Money;
use stoa_service::outbound::{Outbound, Peer};
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

/// The products of `lines` in one call; those that are not in the catalogue are left out. Errors: 503.
pub fn products(
    outbound: &dyn Outbound,
    context: &Context,
    product_url: &str,
    lines: &[Line],
) -> Result<Vec<Product>, Problem> {
    let skus: Vec<&str> = lines.iter().map(|line| line.sku.as_str()).collect();
    let path = format!("/product?sku={}", skus.join(","));
    let peer = Peer {
        name: "product",
        outbound,
        context,
        url: product_url,
        timeout: TIMEOUT,
    };
    let page: Items<Product> = peer.ask(peer.call(Method::GET, &path))?;
    Ok(page.items)
}

/// What is in the cart of the token's user. Errors: 503.
pub fn cart(
    outbound: &dyn Outbound,
    context: &Context,
    cart_url: &str,
    token: &str,
) -> Result<Vec<Line>, Problem> {
    let peer = of_cart(outbound, context, cart_url);
    let cart: Items<CartLine> = peer.ask(peer.call(Method::GET, "/cart").bearer(token))?;
    let lines = cart.items.into_iter();
    Ok(lines
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
    let peer = of_cart(outbound, context, cart_url);
    let reply = peer.send(peer.call(Method::DELETE, &path))?;
    if reply.status.is_success() {
        Ok(())
    } else {
        Err(peer.unexpected(&reply))
    }
}

fn of_cart<'a>(outbound: &'a dyn Outbound, context: &'a Context, url: &'a str) -> Peer<'a> {
    Peer {
        name: "cart",
        outbound,
        context,
        url,
        timeout: TIMEOUT,
    }
}
