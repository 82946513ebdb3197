//! Routes, handlers, decoding of requests, and the mapping from errors to statuses and codes.

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::route::{Answer, Route, json, no_content};
use stoa_service::{Problem, Request, Service, Sku, id, log, text, time, token};
use uuid::Uuid;

use crate::app::App;
use crate::domain::{Item, MAX_QUANTITY, OrderedLine};
use crate::error::Error;
use crate::store;

impl Service for App {
    const NAME: &'static str = "cart";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/cart", show),
        Route::new(Method::DELETE, "/cart", clear),
        Route::new(Method::PUT, "/cart/items/{sku}", put_item),
        Route::new(Method::DELETE, "/cart/items/{sku}", remove_item),
        Route::new(Method::DELETE, "/internal/carts/{user_id}", clear_for_order),
    ];
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::UnknownProduct(_) => Self::not_found(detail),
            Error::InsufficientStock {
                sku,
                quantity,
                available,
            } => Self::conflict("insufficient_stock", detail)
                .with("sku", sku.as_str())
                .with("quantity", quantity)
                .with("available", available),
            Error::CartFull(_) => Self::conflict("cart_full", detail),
            Error::Pricing(cause) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
                    .caused_by(cause.to_string())
            }
            Error::Peer(error) => error.into(),
            Error::Database(error) => error.into(),
        }
    }
}

/// The id of the user in the request's token.
fn user(app: &App, request: &Request) -> Result<Uuid, Problem> {
    let caller = app.caller(request.context());
    let claims = token::verify(&*app.db, caller, &app.config.user_url, request)?;
    Ok(claims.sub)
}

fn show(app: &App, request: &Request) -> Answer {
    let user_id = user(app, request)?;
    request.query([])?;
    let mut cart = store::find(&*app.db, user_id)?;
    let mut prices_as_of = None;
    if !cart.items.is_empty() {
        let skus: Vec<&Sku> = cart.items.iter().map(|item| &item.sku).collect();
        match app.product(request.context()).products(&skus) {
            Ok(products) => cart.refresh(&products),
            Err(error) => {
                let fields =
                    serde_json::json!({"detail": error.summary(), "cause": error.to_string()});
                log::warn(
                    request.context(),
                    "cannot read current prices; the cart shows stored prices",
                    fields,
                );
                prices_as_of = cart.prices_as_of();
            }
        }
    }
    let totals = app.totals(&cart.items)?;
    json(StatusCode::OK, &cart.priced(&totals, prices_as_of))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutItem {
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    quantity: u32,
}

fn put_item(app: &App, request: &Request) -> Answer {
    let user_id = user(app, request)?;
    request.query([])?;
    let PutItem { quantity } = request.json()?;
    let unknown = || Error::UnknownProduct(request.param("sku").to_owned());
    let sku: Sku = request.param("sku").parse().map_err(|_| unknown())?;
    let product = app.product(request.context()).product(&sku)?;
    let product = product.ok_or_else(unknown)?;
    let available = app.inventory(request.context()).available(&sku)?;
    let now = time::now();
    let item = Item::new(product, quantity, available, now)?;
    // The item is priced before it is stored. So the request changes nothing if `pricing` fails.
    let totals = app.totals(std::slice::from_ref(&item))?;
    store::put(&*app.db, user_id, &item, now)?;
    json(StatusCode::OK, &item.priced(totals.sum))
}

fn remove_item(app: &App, request: &Request) -> Answer {
    let user_id = user(app, request)?;
    request.query([])?;
    store::remove(&*app.db, user_id, request.param("sku"))?;
    no_content()
}

fn clear(app: &App, request: &Request) -> Answer {
    let user_id = user(app, request)?;
    request.query([])?;
    store::clear(&*app.db, user_id)?;
    no_content()
}

/// Serves the request with which `order` removes items from a user's cart. If the request has the parameters `order_id`, `version`
/// and `ordered`, this handler removes the units that the order bought from that version of the cart. It keeps the units that the
/// user added later. If the request has none of the three parameters, this handler removes all items.
fn clear_for_order(app: &App, request: &Request) -> Answer {
    let [order_id, version, ordered] = request.query(["order_id", "version", "ordered"])?;
    let user_id = request.id_param("user_id")?;
    match (order_id, version, ordered) {
        (None, None, None) => {
            store::clear(&*app.db, user_id)?;
            no_content()
        }
        (Some(order_id), Some(version), Some(ordered)) => {
            let order_id = id::parse("order_id", &order_id)?;
            let version = version.parse().ok().filter(|v| *v >= 0).ok_or_else(|| {
                bad_query(
                    "version",
                    &version,
                    "a cart's version, a whole number of 0 or more",
                )
            })?;
            let ordered = parse_ordered_lines(&ordered)?;
            let version = store::remove_ordered(&*app.db, user_id, order_id, version, &ordered)?;
            json(StatusCode::OK, &ClearedCart { version })
        }
        _ => Err(Problem::bad_request(
            "missing_parameter",
            "order_id, version and ordered: expected all three parameters, or none",
        )),
    }
}

/// The response after the items of an order were removed from the cart.
#[derive(Serialize)]
struct ClearedCart {
    /// The version of the cart after the removal.
    version: i64,
}

fn bad_query(name: &str, value: &str, expected: &str) -> Problem {
    Problem::bad_request(
        "bad_parameter",
        format!(
            "{name}: `{}` given, expected {expected}",
            text::shorten(value)
        ),
    )
}

/// Reads the query parameter `ordered`, which has the format `SKU:QUANTITY,SKU:QUANTITY`.
fn parse_ordered_lines(text: &str) -> Result<Vec<OrderedLine>, Problem> {
    let line = |part: &str| {
        let (sku, quantity) = part.split_once(':')?;
        let quantity = quantity.parse().ok().filter(|quantity| *quantity >= 1)?;
        let sku = sku.parse().ok()?;
        Some(OrderedLine { sku, quantity })
    };
    text.split(',')
        .map(|part| line(part).ok_or_else(|| bad_query("ordered", part, "SKU:QUANTITY")))
        .collect()
}
