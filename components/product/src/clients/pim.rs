//! The PIM (product information management), a third party: richer texts of products.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

use crate::domain::Texts;

/// Timeout of the PIM: its texts are better than the catalogue's, but not worth a wait.
pub const TIMEOUT: Duration = Duration::from_millis(300);

/// The PIM, on behalf of one request.
pub struct Pim<'a> {
    peer: Peer<'a>,
}

// Third parties may add members, so unknown ones are accepted.
#[derive(Deserialize)]
struct Entry {
    description: Option<String>,
    image: Option<String>,
}

impl<'a> Pim<'a> {
    /// The PIM at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self {
            peer: caller.peer("the PIM", url, TIMEOUT),
        }
    }

    /// The texts of `sku`; none for a product that the PIM does not have.
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
