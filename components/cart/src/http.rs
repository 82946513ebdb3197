//! Routes, decoding, who is asked what, and which rule answers with which status.

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use shop_pricing::Prices;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::route::{Answer, Route, json, no_content};
use stoa_service::sql::Database;
use stoa_service::{Problem, Request, Service, id, log, text, time, token};
use uuid::Uuid;

use crate::config::Config;
use crate::domain::{self, Cart, Kept, MAX_QUANTITY, Ordered};
use crate::ports;
use crate::store;

/// The service's name.
pub const SERVICE: &str = "cart";

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Calls to product, inventory and user.
    pub outbound: Box<dyn Outbound>,
    /// Where money is computed.
    pub prices: Box<dyn Prices>,
}

/// Every route of this service.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::GET, "/cart", show),
    Route::new(Method::DELETE, "/cart", clear),
    Route::new(Method::PUT, "/cart/items/{sku}", put_item),
    Route::new(Method::DELETE, "/cart/items/{sku}", remove_item),
    Route::new(Method::DELETE, "/internal/carts/{user_id}", clear_of_user),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;
}

fn user(app: &App, request: &Request) -> Result<Uuid, Problem> {
    let claims = token::verify(
        &*app.db,
        Caller {
            outbound: &*app.outbound,
            context: request.context(),
        },
        &app.config.user_url,
        request,
    )?;
    Ok(claims.sub)
}

fn show(app: &App, request: &Request) -> Answer {
    let user_id = user(app, request)?;
    request.query([])?;
    let (version, mut kept) = store::cart(&*app.db, user_id)?;
    let mut prices_as_of = None;
    if !kept.is_empty() {
        let skus: Vec<&str> = kept.iter().map(|item| item.sku.as_str()).collect();
        let url = &app.config.product_url;
        match ports::products(&*app.outbound, request.context(), url, &skus) {
            Ok(products) => domain::refresh(&mut kept, &products),
            Err(problem) => {
                let fields = serde_json::json!({"detail": problem.detail()});
                log::warn(request.context(), "shows the prices it has kept", fields);
                prices_as_of = domain::oldest(&kept);
            }
        }
    }
    let cart = price(app, &kept)?;
    json(
        StatusCode::OK,
        &Cart {
            version,
            prices_as_of,
            ..cart
        },
    )
}

fn price(app: &App, kept: &[Kept]) -> Result<Cart, Problem> {
    domain::price(kept, &*app.prices).map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the cart cannot be priced",
        )
        .caused_by(error.to_string())
    })
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
    let sku = request.param("sku");
    let unknown = || {
        let sku = stoa_service::text::shorten(sku);
        Problem::not_found(format!("sku: `{sku}` is not in the catalogue"))
    };
    if !domain::is_sku(sku) {
        return Err(unknown());
    }
    let (outbound, context) = (&*app.outbound, request.context());
    let product = ports::products(outbound, context, &app.config.product_url, &[sku])?
        .into_iter()
        .find(|product| product.sku == sku)
        .ok_or_else(unknown)?;
    let available = ports::available(outbound, context, &app.config.inventory_url, sku)?;
    if i64::from(quantity) > available {
        return Err(Problem::conflict(
            "insufficient_stock",
            format!("quantity: {quantity} of `{sku}` asked for, {available} available"),
        )
        .with("sku", sku)
        .with("quantity", quantity)
        .with("available", available));
    }
    let now = time::now();
    let item = Kept {
        sku: product.sku,
        quantity,
        name: product.name,
        price: product.price,
        seen_at: now,
    };
    // Priced before it is put in: a request that fails changes nothing.
    let shown = price(app, std::slice::from_ref(&item))?;
    store::put(&*app.db, user_id, &item, now)?;
    json(StatusCode::OK, &shown.items.first())
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

/// For order. With `order_id`, `version` and `ordered` it takes out what that order has ordered of the cart's version, and leaves what was
/// put in since; without them it takes out everything.
fn clear_of_user(app: &App, request: &Request) -> Answer {
    let [order_id, version, ordered] = request.query(["order_id", "version", "ordered"])?;
    let user_id = request.id_param("user_id")?;
    match (order_id, version, ordered) {
        (None, None, None) => {
            store::clear(&*app.db, user_id)?;
            no_content()
        }
        (Some(order_id), Some(version), Some(ordered)) => {
            let order_id = id::parse("order_id", &order_id)?;
            let version =
                version.parse().ok().filter(|v| *v >= 0).ok_or_else(|| {
                    bad_query("version", &version, "expected the version of a cart")
                })?;
            let ordered = ordered_lines(&ordered)?;
            let version = store::take_ordered(&*app.db, user_id, order_id, version, &ordered)?;
            json(StatusCode::OK, &Taken { version })
        }
        _ => Err(Problem::bad_request(
            "missing_parameter",
            "order_id, version and ordered: expected all of them, or none",
        )),
    }
}

/// What is left after an order's items were taken out.
#[derive(Serialize)]
struct Taken {
    /// The cart's version now.
    version: i64,
}

fn bad_query(name: &str, value: &str, expected: &str) -> Problem {
    Problem::bad_request(
        "bad_parameter",
        format!("{name}: `{}`: {expected}", text::shorten(value)),
    )
}

/// Reads `SKU:QUANTITY,SKU:QUANTITY`.
fn ordered_lines(text: &str) -> Result<Vec<Ordered>, Problem> {
    let line = |part: &str| {
        let (sku, quantity) = part.split_once(':')?;
        let quantity = quantity.parse().ok().filter(|quantity| *quantity >= 1)?;
        domain::is_sku(sku).then(|| Ordered {
            sku: sku.to_owned(),
            quantity,
        })
    };
    text.split(',')
        .map(|part| line(part).ok_or_else(|| bad_query("ordered", part, "expected SKU:QUANTITY")))
        .collect()
}
