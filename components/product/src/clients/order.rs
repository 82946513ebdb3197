//! The service order: purchases are passed on to it.

use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde_json::Value;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError, Reply};

/// Timeout of an order: reserving, charging and shipping, below the time limit of a request (30 s).
pub const TIMEOUT: Duration = Duration::from_secs(25);

/// Order, on behalf of one request.
pub struct OrderClient<'a> {
    peer: Peer<'a>,
}

/// An order of one line. Order checks address and payment.
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
    pub sku: &'a Sku,
    /// Units.
    pub quantity: u32,
}

impl<'a> OrderClient<'a> {
    /// Order at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self {
            peer: caller.peer("order", url, TIMEOUT),
        }
    }

    /// Orders on the caller's behalf, under the caller's key: a repeat of the key is the same order. Returns the response, whatever its
    /// status.
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
