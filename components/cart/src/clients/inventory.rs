//! The client of the service `inventory`, which reports the number of available units.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

/// Timeout of one call to `inventory`. It is short because a person waits for the response, and because the same request has
/// already called `product`.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A client of the service `inventory` for one request.
pub struct InventoryClient<'a>(Peer<'a>);

impl<'a> InventoryClient<'a> {
    /// A client of the service `inventory` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the inventory service", url, TIMEOUT))
    }

    /// The number of units of `sku` that an order may still reserve; 0 if `inventory` does not know the SKU.
    pub fn available(&self, sku: &Sku) -> Result<i64, PeerError> {
        #[derive(Deserialize)]
        struct Item {
            available: i64,
        }
        let call = self.0.call(Method::GET, &format!("/items/{sku}"));
        let reply = self.0.send(call)?;
        match reply.status {
            StatusCode::OK => Ok(self.0.read::<Item>(&reply)?.available),
            StatusCode::NOT_FOUND if reply.code() == "not_found" => Ok(0),
            _ => Err(self.0.unexpected(&reply)),
        }
    }
}
