//! A client of the PIM (product information management), a third party with richer texts for products.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

use crate::domain::Texts;

/// Timeout of a call to the PIM. It is short, because the PIM's better texts do not justify a long wait.
pub const TIMEOUT: Duration = Duration::from_millis(300);

/// A client of the PIM for one request.
pub struct Pim<'a> {
    peer: Peer<'a>,
}

// A third party may add members to its responses, so unknown members are accepted.
#[derive(Deserialize)]
struct Entry {
    description: Option<String>,
    image: Option<String>,
}

impl<'a> Pim<'a> {
    /// Creates a client of the PIM at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self {
            peer: caller.peer("the PIM", url, TIMEOUT),
        }
    }

    /// Reads the texts for `sku`. All texts are `None` if the PIM does not have the product.
    pub fn texts(&self, sku: &Sku) -> Result<Texts, PeerError> {
        let path = format!("/pim/products/{sku}");
        let reply = self.peer.send(self.peer.call(Method::GET, &path))?;
        match reply.status {
            StatusCode::OK => {
                let Entry { description, image } = self.peer.read(&reply)?;
                Ok(Texts { description, image })
            }
            StatusCode::NOT_FOUND => Ok(Texts::default()),
            _ => Err(self.peer.unexpected(&reply)),
        }
    }
}
