//! The catalogue.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::money::Money;
use stoa_service::outbound::{Caller, Peer, PeerError};

/// Timeout of one call: the customer waits, and nothing has been written yet.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The service product.
pub struct ProductClient<'a>(Peer<'a>);

/// The parts of a product that an order needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The name.
    pub name: String,
    /// `None` if it has no price.
    pub price: Option<Money>,
}

impl<'a> ProductClient<'a> {
    /// The catalogue at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("product", url, TIMEOUT))
    }

    /// The products of these SKUs, at most 100, in one call; SKUs that are not in the catalogue are left out.
    pub fn of_skus(&self, skus: &[&str]) -> Result<Vec<Product>, PeerError> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<Product>,
        }
        let path = format!("/product?sku={}", skus.join(","));
        let page: Page = self.0.fetch(self.0.call(Method::GET, &path))?;
        Ok(page.items)
    }
}
