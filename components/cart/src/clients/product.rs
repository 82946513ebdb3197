//! Product: names and prices.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

use crate::domain::Product;

/// Timeout of one call: carts are read often, and stored prices can be shown instead.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Product, on behalf of one request.
pub struct ProductClient<'a>(Peer<'a>);

impl<'a> ProductClient<'a> {
    /// A client of the service at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("product", url, TIMEOUT))
    }

    /// The products of `skus` (at most 100) in one call; SKUs that are not in the catalogue are left out.
    pub fn products(&self, skus: &[&Sku]) -> Result<Vec<Product>, PeerError> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<Product>,
        }
        let skus: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
        let path = format!("/product?sku={}", skus.join(","));
        let page: Page = self.0.fetch(self.0.call(Method::GET, &path))?;
        Ok(page.items)
    }

    /// The product of one SKU, if it is in the catalogue.
    pub fn product(&self, sku: &Sku) -> Result<Option<Product>, PeerError> {
        let found = self.products(&[sku])?;
        Ok(found.into_iter().find(|product| product.sku == *sku))
    }
}
