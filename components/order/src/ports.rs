//! What an order needs before it is written: cart, product, and how to reach its customer.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::money::Money;
use stoa_service::outbound::{Caller, Outbound, Peer};
use stoa_service::{Context, Problem};

use crate::domain::Order;
use crate::draft::Line;

/// Nothing has been written yet: a slow answer here only costs the customer's patience.
const TIMEOUT: Duration = Duration::from_secs(3);

/// An order does not wait longer for its customer's telephone number.
const CONTACT_TIMEOUT: Duration = Duration::from_secs(1);

/// The profile of the token's user as it is now: their token may be older than a change. Errors: 503.
pub fn contact(
    outbound: &dyn Outbound,
    context: &Context,
    user_url: &str,
    token: &str,
) -> Result<Contact, Problem> {
    let peer = Caller { outbound, context }.peer("user", user_url, CONTACT_TIMEOUT);
    Ok(peer.fetch(peer.call(Method::GET, "/user/me").bearer(token))?)
}

/// How to reach a user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Contact {
    /// Where to write to.
    pub email: String,
    /// How to address them.
    pub name: String,
    /// E.164; `None` where they gave no number.
    pub phone: Option<String>,
}

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
    let peer = Caller { outbound, context }.peer("product", product_url, TIMEOUT);
    let page: Items<Product> = peer.fetch(peer.call(Method::GET, &path))?;
    Ok(page.items)
}

/// A cart, as far as an order needs it.
#[derive(Deserialize)]
pub struct Cart {
    /// Grows with every change.
    pub version: i64,
    items: Vec<CartLine>,
}

impl Cart {
    /// What is in it.
    pub fn into_lines(self) -> Vec<Line> {
        let lines = self.items.into_iter();
        lines
            .map(|CartLine { sku, quantity }| Line { sku, quantity })
            .collect()
    }
}

/// The cart of the token's user. Errors: 503.
pub fn cart(
    outbound: &dyn Outbound,
    context: &Context,
    cart_url: &str,
    token: &str,
) -> Result<Cart, Problem> {
    let peer = of_cart(outbound, context, cart_url);
    Ok(peer.fetch(peer.call(Method::GET, "/cart").bearer(token))?)
}

/// A cart's line says more than that: prices, which are asked of product once more.
#[derive(Deserialize)]
struct CartLine {
    sku: String,
    quantity: u32,
}

/// Takes what `order` has ordered of the cart's `version` out of its customer's cart, once however often it is called. Gives the cart's
/// version afterwards. Errors: 503.
pub fn take_ordered(
    outbound: &dyn Outbound,
    context: &Context,
    cart_url: &str,
    order: &Order,
    version: i64,
) -> Result<i64, Problem> {
    #[derive(Deserialize)]
    struct Taken {
        version: i64,
    }
    let lines: Vec<_> = order
        .items
        .iter()
        .map(|item| format!("{}:{}", item.sku, item.quantity))
        .collect();
    let path = format!(
        "/internal/carts/{}?order_id={}&version={version}&ordered={}",
        order.customer.user_id,
        order.order_id,
        lines.join(",")
    );
    let peer = of_cart(outbound, context, cart_url);
    let taken: Taken = peer.fetch(peer.call(Method::DELETE, &path))?;
    Ok(taken.version)
}

fn of_cart<'a>(outbound: &'a dyn Outbound, context: &'a Context, url: &'a str) -> Peer<'a> {
    Caller { outbound, context }.peer("cart", url, TIMEOUT)
}
