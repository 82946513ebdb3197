//! A client of the service `order`, to which purchases are forwarded.

use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde_json::Value;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError, Reply};

/// Timeout of a purchase. During this time, `order` reserves stock, charges the card and ships the parcel. The value is below the
/// time limit of a request (30 s).
pub const TIMEOUT: Duration = Duration::from_secs(25);

/// A client of the service `order` for one request.
pub struct OrderClient<'a> {
    peer: Peer<'a>,
}

/// A purchase of one product: the body of `POST /order`. The service `order` checks the address and the payment.
#[derive(Debug, Serialize)]
pub struct Purchase<'a> {
    /// The product and its quantity.
    pub items: [Line<'a>; 1],
    /// The address as the caller sent it, unchecked.
    pub shipping_address: &'a Value,
    /// The payment as the caller sent it, unchecked.
    pub payment: &'a Value,
}

/// A line of an order.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// The SKU (stock keeping unit), such as `COF-008`.
    pub sku: &'a Sku,
    /// Number of units.
    pub quantity: u32,
}

impl<'a> OrderClient<'a> {
    /// Creates a client of the service `order` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self {
            peer: caller.peer("the order service", url, TIMEOUT),
        }
    }

    /// Submits an order with the caller's token and idempotency key. A repeat with the same key creates no second order. Returns
    /// the response with any status.
    pub fn submit(
        &self,
        token: &str,
        idempotency_key: &str,
        purchase: &Purchase<'_>,
    ) -> Result<Reply, PeerError> {
        let call = self.peer.call(Method::POST, "/order");
        self.peer.send(
            call.bearer(token)
                .idempotency_key(idempotency_key)
                .json(purchase),
        )
    }
}
