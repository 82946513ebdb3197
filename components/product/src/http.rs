//! The HTTP interface: the routes, their handlers, and the status and code of each error.

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use stoa_service::page::{self, Page};
use stoa_service::route::{self, Answer, Response, Route};
use stoa_service::{Context, Problem, Request, Service, log, token};

use crate::app::App;
use crate::clients::{Line, Purchase};
use crate::domain::{MAX_QUANTITY, Product, Release, read_skus};
use crate::enrichment;
use crate::error::Error;
use crate::listing::Listing;
use crate::store;

/// The response header that contains the release, `v1` or `v2`.
pub const VERSION_HEADER: HeaderName = HeaderName::from_static("x-shop-version");

impl Service for App {
    const NAME: &'static str = "product";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/product", list),
        Route::new(Method::GET, "/product/{product_id}", show),
        Route::new(Method::POST, "/product/{product_id}/buy", buy),
    ];

    fn finish_early(response: &mut Response) {
        set_version_header(Release::OF_THIS_BUILD, response);
    }

    fn answer(&self, request: Request) -> Response {
        let mut response = route::dispatch(Self::ROUTES, self, request);
        set_version_header(self.release, &mut response);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::BadSkuList(_) => Self::bad_request("bad_sku", detail),
            Error::BadSearch(_) => Self::bad_request("bad_search", detail),
            Error::ForeignPageToken => Self::bad_request("bad_page_token", detail),
            Error::NoSuchProduct(_) => Self::not_found(detail),
            Error::OrderUnreachable(cause) => {
                Self::unavailable(detail).caused_by(cause.to_string())
            }
            Error::Database(error) => error.into(),
        }
    }
}

/// Adds the header with the release to a response. The response may have any status.
fn set_version_header(release: Release, response: &mut Response) {
    let word = HeaderValue::from_static(release.into());
    response.headers_mut().insert(VERSION_HEADER, word);
}

fn list(app: &App, request: &Request) -> Answer {
    let [q, category, limit, token, sku] =
        request.query(["q", "category", "limit", "page_token", "sku"])?;
    let (mut items, next_page_token) = if let Some(skus) = sku {
        if q.or(category).or(limit).or(token).is_some() {
            return Err(Problem::bad_request(
                "bad_sku",
                "sku: cannot be combined with q, category, limit or page_token",
            ));
        }
        (store::find_by_skus(&*app.db, &read_skus(&skus)?)?, None)
    } else {
        let limit = page::limit(limit.as_deref())?;
        let listing = Listing::new(q.as_deref(), category.as_deref(), app.release)?;
        let cursor = page::cursor(token.as_deref())?;
        let (items, next) = listing.page(&*app.db, cursor, limit)?;
        (items, next.as_ref().and_then(page::encode_cursor))
    };
    add_availability(app, request.context(), &mut items);
    let page = Page {
        items,
        next_page_token,
    };
    route::json(StatusCode::OK, &page)
}

fn show(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let mut product = store::find(&*app.db, request.param("product_id"))?;
    let context = request.context();
    enrichment::enrich(app, context, &mut product);
    add_availability(app, context, std::slice::from_mut(&mut product));
    route::json(StatusCode::OK, &product)
}

/// In v2, adds the number of available units to each product, with one call to `inventory`. The number is null if `inventory` does
/// not respond. In v1, changes nothing.
fn add_availability(app: &App, context: &Context, products: &mut [Product]) {
    if app.release == Release::V1 || products.is_empty() {
        return;
    }
    let skus: Vec<&str> = products.iter().map(|p| p.sku.as_str()).collect();
    let known = app
        .inventory(context)
        .available(&skus)
        .inspect_err(|error| {
            log::warn(
                context,
                "the inventory service did not respond as expected; available is null in this response",
                json!({"error": error.to_string()}),
            );
        })
        .ok();
    for product in products {
        product.available = Some(
            known
                .as_ref()
                .map(|units| units.get(&product.sku).copied().unwrap_or(0)),
        );
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Buy {
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    quantity: u32,
    shipping_address: Value,
    payment: Value,
}

/// Buys one product directly. `product` stores nothing, because `order` stores the idempotency key. A repeat sends the same request
/// to `order`.
fn buy(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let context = request.context();
    token::verify(&*app.db, app.caller(context), &app.config.user_url, request)?;
    let key = request.idempotency_key()?;
    let Buy {
        quantity,
        shipping_address,
        payment,
    } = request.json()?;
    let product = store::find(&*app.db, request.param("product_id"))?;
    let purchase = Purchase {
        items: [Line {
            sku: &product.sku,
            quantity,
        }],
        shipping_address: &shipping_address,
        payment: &payment,
    };
    let reply = app
        .order(context)
        .submit(request.bearer()?, key, &purchase)
        .map_err(Error::OrderUnreachable)?;
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
        if let Some(value) = reply.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}
