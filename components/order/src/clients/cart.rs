//! The client of the service `cart`.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

use crate::domain::Order;

/// Timeout of one call to the service `cart`. It is short because the customer waits and no order has been written yet.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The client of the service `cart`.
pub struct CartClient<'a>(Peer<'a>);

/// The parts of a cart that an order needs.
#[derive(Debug, Deserialize)]
pub struct Cart {
    /// The version of the cart. Every change of the cart increases it.
    pub version: i64,
    /// The items in the cart.
    pub items: Vec<CartLine>,
}

/// A line of a cart, without the cart's prices, because an order uses the prices of the service `product`.
#[derive(Debug, Deserialize)]
pub struct CartLine {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The number of units.
    pub quantity: u32,
}

impl<'a> CartClient<'a> {
    /// A client of the service `cart` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the cart service", url, TIMEOUT))
    }

    /// Reads the cart of the token's user.
    pub fn of_user(&self, token: &str) -> Result<Cart, PeerError> {
        self.0
            .fetch(self.0.call(Method::GET, "/cart").bearer(token))
    }

    /// Removes the units of `order` from the cart of its customer. The order was made from the cart's `version`. A repeat removes
    /// nothing more. Returns the cart's version after the removal.
    pub fn remove_ordered(&self, order: &Order, version: i64) -> Result<i64, PeerError> {
        #[derive(Deserialize)]
        struct CartVersion {
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
        let cart: CartVersion = self.0.fetch(self.0.call(Method::DELETE, &path))?;
        Ok(cart.version)
    }
}
