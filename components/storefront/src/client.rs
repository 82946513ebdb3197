//! A client of the service `product`, which supplies the products of the pages.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::outbound::{Caller, Peer};

use crate::domain::{Product, ProductPage, Search};
use crate::error::Error;
use crate::html::QueryValue;

/// Timeout of a call to `product`. It is short, because a person waits for the page.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Number of products on a page.
const PAGE_LENGTH: u32 = 100;

/// A client of the service `product` for one request.
pub struct ProductClient<'a>(Peer<'a>);

impl<'a> ProductClient<'a> {
    /// Creates a client of the service `product` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the product service", url, TIMEOUT))
    }

    /// Reads one page of the products that match `search`.
    pub fn products(&self, search: &Search) -> Result<ProductPage, Error> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<Product>,
            next_page_token: Option<String>,
        }
        #[derive(Deserialize)]
        struct Rejection {
            detail: String,
        }
        let reply = self.0.send(self.0.call(Method::GET, &path(search)))?;
        match reply.status {
            StatusCode::OK => {
                let Page {
                    items,
                    next_page_token,
                } = self.0.read(&reply)?;
                let version = reply.headers.get("x-shop-version");
                Ok(ProductPage {
                    items,
                    next_page_token,
                    version: version.and_then(|v| v.to_str().ok()).map(str::to_owned),
                })
            }
            StatusCode::BAD_REQUEST => {
                let Rejection { detail } = self.0.read(&reply)?;
                Err(Error::SearchRejected(detail))
            }
            _ => Err(self.0.unexpected(&reply).into()),
        }
    }
}

fn path(search: &Search) -> String {
    let mut path = format!("/product?limit={PAGE_LENGTH}");
    for (name, value) in [
        ("q", &search.q),
        ("category", &search.category),
        ("page_token", &search.page_token),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", QueryValue(value)));
        }
    }
    path
}
