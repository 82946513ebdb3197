//! Routes, decoding, and which rule answers with which status.

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::page::{self, Page};
use stoa_service::route::{self, Answer, Response, Route};
use stoa_service::sql::Database;
use stoa_service::{Context, Problem, Request, Service, log, text, token};

use crate::config::Config;
use crate::domain::{MAX_QUANTITY, Product, Release, read_skus};
use crate::listing::Listing;
use crate::ports::{self, Line, Purchase};
use crate::{pim, store};

/// The service's name.
pub const SERVICE: &str = "product";

/// The header that says which release answers.
pub const VERSION: HeaderName = HeaderName::from_static("x-shop-version");

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// The way to other services.
    pub outbound: Box<dyn Outbound>,
    /// Which release this is.
    pub release: Release,
}

/// Every route of this service.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::GET, "/product", list),
    Route::new(Method::GET, "/product/{product_id}", show),
    Route::new(Method::POST, "/product/{product_id}/buy", buy),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;

    fn finish_early(response: &mut Response) {
        stamp(Release::BUILT, response);
    }

    fn answer(&self, request: Request) -> Response {
        let mut response = route::dispatch(ROUTES, self, request);
        stamp(self.release, &mut response);
        response
    }
}

/// Says in the answer, whatever it is, which release it comes from.
pub fn stamp(release: Release, response: &mut Response) {
    let word = HeaderValue::from_static(release.word());
    response.headers_mut().insert(VERSION, word);
}

fn list(app: &App, request: &Request) -> Answer {
    let [q, category, limit, token, sku] =
        request.query(["q", "category", "limit", "page_token", "sku"])?;
    let (mut items, next_page_token) = if let Some(skus) = sku {
        if q.or(category).or(limit).or(token).is_some() {
            return Err(Problem::bad_request(
                "bad_sku",
                "sku: cannot stand beside q, category, limit or page_token",
            ));
        }
        let skus = read_skus(&skus).map_err(|e| Problem::bad_request("bad_sku", e))?;
        (store::by_sku(&*app.db, &skus)?, None)
    } else {
        let limit = page::limit(limit.as_deref())?;
        let listing = Listing::new(q.as_deref(), category.as_deref(), app.release)?;
        listing.page(&*app.db, token.as_deref(), limit)?
    };
    tell_available(app, request.context(), &mut items);
    let page = Page {
        items,
        next_page_token,
    };
    route::json(StatusCode::OK, &page)
}

fn show(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let mut product = find(app, request)?;
    let context = request.context();
    pim::enrich(&*app.db, &*app.outbound, &app.config, context, &mut product);
    tell_available(app, context, std::slice::from_mut(&mut product));
    route::json(StatusCode::OK, &product)
}

fn find(app: &App, request: &Request) -> Result<Product, Problem> {
    let wanted = request.param("product_id");
    store::find(&*app.db, wanted)?.ok_or_else(|| {
        Problem::not_found(format!(
            "product_id: `{}` is no product's id or SKU",
            text::shorten(wanted)
        ))
    })
}

/// In v2: how many of each are available, in one call; null where inventory does not answer.
fn tell_available(app: &App, context: &Context, products: &mut [Product]) {
    if app.release == Release::V1 || products.is_empty() {
        return;
    }
    let skus: Vec<&str> = products.iter().map(|p| p.sku.as_str()).collect();
    let url = &app.config.inventory_url;
    let known = ports::available(&*app.outbound, context, url, &skus)
        .inspect_err(|error| {
            log::warn(
                context,
                "inventory does not answer; what is available stays open",
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

/// One product, at once. Order keeps the key, and the same request to this path is the same request to order: nothing is
/// kept here.
fn buy(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let (db, outbound) = (&*app.db, &*app.outbound);
    token::verify(
        db,
        Caller {
            outbound,
            context: request.context(),
        },
        &app.config.user_url,
        request,
    )?;
    let key = request.idempotency_key()?;
    let Buy {
        quantity,
        shipping_address,
        payment,
    } = request.json()?;
    let product = find(app, request)?;
    let purchase = Purchase {
        items: [Line {
            sku: &product.sku,
            quantity,
        }],
        shipping_address: &shipping_address,
        payment: &payment,
    };
    let (context, url) = (request.context(), &app.config.order_url);
    let reply = ports::order(outbound, context, url, request.bearer()?, key, &purchase).map_err(
        |error| {
            Problem::unavailable(
                "order does not answer; the same Idempotency-Key finds out what became of it",
            )
            .caused_by(error.to_string())
        },
    )?;
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
        if let Some(value) = reply.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}
