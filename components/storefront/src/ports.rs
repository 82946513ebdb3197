//! What the pages need of others: product's list.

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use stoa_service::Context;
use stoa_service::money::Money;
use stoa_service::outbound::{Call, CallError, Outbound};

use crate::html::Value;

/// How long product may take: a person waits.
pub const TIMEOUT: Duration = Duration::from_secs(3);
/// Products on a page.
pub const LIMIT: u32 = 100;

/// What of the list is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// A search.
    pub q: Option<String>,
    /// A category.
    pub category: Option<String>,
    /// Where the page begins.
    pub page_token: Option<String>,
}

/// A product, as far as it is shown.
#[derive(Debug, Clone, Deserialize)]
pub struct Product {
    /// The stock keeping unit.
    pub sku: String,
    /// The name.
    pub name: String,
    /// A sentence or two.
    pub description: String,
    /// One word.
    pub category: String,
    /// The path or URL of a picture.
    pub image: String,
    /// `None` where it has none.
    pub price: Option<Money>,
    /// Units; only the canary says it, and only if it knows.
    #[serde(default)]
    pub available: Option<i64>,
}

/// A page of the list.
#[derive(Debug, Clone, Deserialize)]
pub struct Products {
    /// The products.
    pub items: Vec<Product>,
    /// Where the next page begins.
    pub next_page_token: Option<String>,
    /// `x-shop-version` of the answer: which release made it.
    #[serde(skip)]
    pub version: Option<HeaderValue>,
}

/// What product answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The products.
    Found(Products),
    /// It did not understand what was asked, and says why.
    Refused(String),
}

/// Asks product for a page of its list.
pub fn products(
    outbound: &dyn Outbound,
    context: &Context,
    product_url: &str,
    wanted: &Wanted,
) -> Result<Answer, CallError> {
    let mut path = format!("/product?limit={LIMIT}");
    for (name, value) in [
        ("q", &wanted.q),
        ("category", &wanted.category),
        ("page_token", &wanted.page_token),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", Value(value)));
        }
    }
    let reply =
        outbound.send(Call::new(context, Method::GET, product_url, &path).timeout(TIMEOUT))?;
    match reply.status {
        StatusCode::OK => {
            let mut products: Products = reply.json()?;
            products.version = reply.headers.get("x-shop-version").cloned();
            Ok(Answer::Found(products))
        }
        StatusCode::BAD_REQUEST => {
            #[derive(Deserialize)]
            struct Refusal {
                detail: String,
            }
            let refusal: Refusal = reply.json()?;
            Ok(Answer::Refused(refusal.detail))
        }
        status => Err(CallError::Lost(format!("product answered {status}"))),
    }
}
