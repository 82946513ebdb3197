//! The client of the service `product`, which has the catalogue.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::money::Money;
use stoa_service::outbound::{Caller, Peer, PeerError};

/// Timeout of one call to the service `product`. It is short because the customer waits and no order has been written yet.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The client of the service `product`.
pub struct ProductClient<'a>(Peer<'a>);

/// The parts of a product that an order needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The product's name.
    pub name: String,
    /// The price of one unit; `None` if the product has no price.
    pub price: Option<Money>,
}

impl<'a> ProductClient<'a> {
    /// A client of the service `product` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the product service", url, TIMEOUT))
    }

    /// Reads the products with these SKUs, at most 100, in one call. The result omits SKUs that are not in the catalogue.
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
