//! The customer's cart.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

use crate::domain::Order;

/// Timeout of one call: the customer waits, and nothing has been written yet.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The service cart.
pub struct CartClient<'a>(Peer<'a>);

/// The parts of a cart that an order needs.
#[derive(Debug, Deserialize)]
pub struct Cart {
    /// Grows with every change.
    pub version: i64,
    /// The items.
    pub items: Vec<CartLine>,
}

/// A line of a cart. Its prices are left out: product's prices apply.
#[derive(Debug, Deserialize)]
pub struct CartLine {
    /// The stock keeping unit.
    pub sku: Sku,
    /// Units.
    pub quantity: u32,
}

impl<'a> CartClient<'a> {
    /// The cart at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("cart", url, TIMEOUT))
    }

    /// The cart of the token's user.
    pub fn of_user(&self, token: &str) -> Result<Cart, PeerError> {
        self.0
            .fetch(self.0.call(Method::GET, "/cart").bearer(token))
    }

    /// Removes the units that `order` took from the cart's `version` from its customer's cart. Repeats remove nothing more. Returns the
    /// cart's version afterwards.
    pub fn take_ordered(&self, order: &Order, version: i64) -> Result<i64, PeerError> {
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
        let taken: Taken = self.0.fetch(self.0.call(Method::DELETE, &path))?;
        Ok(taken.version)
    }
}
