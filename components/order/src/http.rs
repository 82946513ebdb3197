//! Routes, decoding, and which end of the saga answers with which status.

use std::cell::Cell;

use http::{Method, StatusCode};
use shop_pricing::{PriceError, Prices, QuoteLine};
use stoa_service::idempotency::{self, Key, Policy, fingerprint};
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, Route, json};
use stoa_service::sql::{Database, SqlError};
use stoa_service::time::Millis;
use stoa_service::token::{self, Claims};
use stoa_service::{Context, Problem, Request, Service, id, log, outbox, text};
use uuid::Uuid;

use crate::config::Config;
use crate::domain::{Customer, Direction, Item, Order, Reason, Status, Step};
use crate::draft::{self, Draft, Line};
use crate::peers::Peers;
use crate::ports;
use crate::saga::{self, Side, Stop};
use crate::steps;
use crate::store::{self, CreateError};
use crate::view::{self, InsideView, View};

/// The service's name.
pub const SERVICE: &str = "order";

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Calls to the other services.
    pub outbound: Box<dyn Outbound>,
    /// Where money is computed.
    pub prices: Box<dyn Prices>,
    /// The wall clock; a test has its own.
    pub clock: Box<dyn Fn() -> Millis>,
    /// Called around each step's call. A test may stop the driver there by not returning; otherwise it does nothing.
    pub fail: Box<dyn Fn(Step, Side)>,
    /// Whether this request left something in the outbox.
    pub news: Cell<bool>,
}

impl App {
    /// Now.
    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    /// The services that the saga calls.
    pub fn peers<'a>(&'a self, context: &'a Context) -> Peers<'a> {
        Peers {
            outbound: &*self.outbound,
            config: &self.config,
            context,
        }
    }

    /// To be called when the client has its answer: sends what the request wrote to the outbox.
    pub fn after_the_answer(&self, context: &Context) {
        if !self.news.replace(false) {
            return;
        }
        let url = &self.config.notification_url;
        if let Err(error) = outbox::flush(
            &*self.db,
            Caller {
                outbound: &*self.outbound,
                context,
            },
            url,
        ) {
            let fields = serde_json::json!({"cause": error.to_string()});
            log::warn(context, "the outbox was not flushed", fields);
        }
    }
}

/// Every route of this service.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::POST, "/order", submit),
    Route::new(Method::GET, "/order", list),
    Route::new(Method::GET, "/order/{order_id}", show),
    Route::new(Method::POST, "/order/{order_id}/cancel", cancel),
    Route::new(Method::GET, "/internal/orders", list_all),
    Route::new(
        Method::POST,
        "/internal/orders/{order_id}/cancel",
        cancel_inside,
    ),
    Route::new(Method::POST, "/internal/orders/recover", recover),
    Route::new(Method::POST, "/internal/orders/outbox", flush),
    Route::new(Method::GET, "/internal/orders/outbox", waiting),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;

    fn after_response(&self, context: &Context) {
        self.after_the_answer(context);
    }
}

fn claims(app: &App, request: &Request) -> Result<Claims, Problem> {
    token::verify(
        &*app.db,
        Caller {
            outbound: &*app.outbound,
            context: request.context(),
        },
        &app.config.user_url,
        request,
    )
}

fn submit(app: &App, request: &Request) -> Answer {
    let claims = claims(app, request)?;
    request.query([])?;
    let owner = claims.sub.to_string();
    let key = Key {
        owner: &owner,
        key: request.idempotency_key()?,
        fingerprint: fingerprint(request),
    };
    let draft = draft::read(request)?;
    // Asked before the key is claimed: this no is not to become the key's answer to the first body.
    if store::by_key(&*app.db, claims.sub, key.key)?
        .is_some_and(|order| order.fingerprint != key.fingerprint)
    {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "Idempotency-Key: was used for another request; use a new key for a new request",
        ));
    }
    idempotency::once(&*app.db, request, &key, Policy::default(), || {
        place(app, request, claims, &key, draft)
    })
}

/// Makes the order of `key`, or goes on with the one there is.
fn place(app: &App, request: &Request, claims: Claims, key: &Key<'_>, draft: Draft) -> Answer {
    let context = request.context();
    if let Some(order) = store::by_key(&*app.db, claims.sub, key.key)? {
        return again(app, context, order, key);
    }
    for _ in 0..CART_READS {
        if draft.lines.is_none() {
            free_cart(app, context, claims.sub)?;
        }
        let order = price(app, request, &claims, key, &draft)?;
        return match store::create(&*app.db, &order) {
            Ok(()) => view::answer(drive(app, context, order, true)?),
            // Another order was made from the cart since it was read.
            Err(CreateError::CartClaimed) => continue,
            // A repeat that took over the key meanwhile was faster.
            Err(CreateError::Database(SqlError::Duplicate(_))) => Err(in_progress(&order)),
            Err(CreateError::Database(error)) => Err(error.into()),
        };
    }
    Err(cart_in_order())
}

/// How often a cart is read that others order at the same time.
const CART_READS: usize = 3;

/// Makes sure that no earlier order has the user's cart: 409 where one is pending. One that is confirmed takes out what it has ordered.
fn free_cart(app: &App, context: &Context, user_id: Uuid) -> Result<(), Problem> {
    match store::cart_claimed_by(&*app.db, user_id)? {
        Some(order) if order.status == Status::Pending => {
            Err(cart_in_order().with("order_id", order.order_id.to_string()))
        }
        Some(mut order) if order.status == Status::Confirmed => {
            saga::clear_cart(app, context, &mut order)
        }
        _ => Ok(()),
    }
}

/// With Retry-After, so that it is not kept as the key's answer.
fn cart_in_order() -> Problem {
    Problem::conflict(
        "cart_in_order",
        "items: none given, and what is in the cart is being ordered already",
    )
    .retry_after(2)
}

fn again(app: &App, context: &Context, mut order: Order, key: &Key<'_>) -> Answer {
    if order.fingerprint != key.fingerprint {
        return Err(in_progress(&order)); // Made a moment ago: the next repeat is refused before it claims the key.
    }
    if order.status == Status::Pending {
        if !saga::take(app, &mut order)? {
            return Err(in_progress(&order));
        }
        order = drive(app, context, order, false)?;
    }
    view::answer(order)
}

fn drive(app: &App, context: &Context, order: Order, fresh: bool) -> Result<Order, Problem> {
    let order_id = order.order_id;
    let unclear = order.clone();
    saga::drive(app, context, order, fresh).map_err(|stop| match stop {
        Stop::LeaseLost => in_progress(&unclear),
        Stop::Database(error) => Problem::from(error).with("order_id", order_id.to_string()),
    })
}

/// 503 rather than 409: the answer must not be kept as the key's last word.
fn in_progress(order: &Order) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "order_in_progress",
        "the order is being worked on; repeat the request with the same Idempotency-Key",
    )
    .retry_after(5)
    .with("order_id", order.order_id.to_string())
}

/// Prices the draft and makes an order of it, which has reserved nothing so far and is not written yet.
fn price(
    app: &App,
    request: &Request,
    claims: &Claims,
    key: &Key<'_>,
    draft: &Draft,
) -> Result<Order, Problem> {
    let order_id = id::new();
    let (outbound, context) = (&*app.outbound, request.context());
    let (cart_version, lines) = match &draft.lines {
        Some(lines) => (None, lines.clone()),
        None => {
            let (version, lines) = cart(app, request)?;
            (Some(version), lines)
        }
    };
    let products = ports::products(outbound, context, &app.config.product_url, &lines)?;
    let find = |line: &Line| products.iter().find(|p| p.sku == line.sku);
    let unknown: Vec<&str> = lines
        .iter()
        .filter(|line| find(line).is_none())
        .map(|line| line.sku.as_str())
        .collect();
    if !unknown.is_empty() {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unknown_item",
            format!("items: not in the catalogue: {}", unknown.join(", ")),
        )
        .with("skus", unknown));
    }
    let asked: Vec<QuoteLine<'_>> = lines
        .iter()
        .map(|line| QuoteLine {
            sku: &line.sku,
            quantity: line.quantity,
            unit_price: find(line).and_then(|product| product.price),
        })
        .collect();
    let quote = app
        .prices
        .quote(&asked)
        .map_err(|error| no_price(context, order_id, error))?;
    let items: Vec<Item> = asked
        .iter()
        .zip(&quote.line_totals)
        .filter_map(|(line, line_total)| {
            let product = products.iter().find(|p| p.sku == line.sku)?;
            Some(Item {
                sku: product.sku.clone(),
                name: product.name.clone(),
                quantity: line.quantity,
                unit_price: product.price?,
                line_total: *line_total,
            })
        })
        .collect();
    if items.len() != lines.len() {
        let error = PriceError::Broken(format!("{} lines, {} priced", lines.len(), items.len()));
        return Err(no_price(context, order_id, error));
    }
    if draft.expected_total.is_some_and(|seen| seen != quote.total) {
        return Err(Problem::conflict(
            "price_changed",
            "expected_total: the total is another one now; show it to the customer and order again",
        )
        .with("total", serde_json::json!(quote.total)));
    }
    let now = app.now();
    let mut order = Order {
        order_id,
        customer: customer(app, request, claims)?,
        idempotency_key: Some(key.key.to_owned()),
        fingerprint: key.fingerprint.clone(),
        status: Status::Pending,
        direction: Direction::Forward,
        step: Step::Reserving,
        items,
        total: quote.total,
        address: draft.address.clone(),
        card_token: draft.card_token.clone(),
        payment: None,
        shipment: None,
        failure: None,
        freed_key: None,
        cart_version,
        clear_cart: cart_version.is_some(),
        doubt_until: 0,
        created_at: now,
        confirmed_at: None,
        lease: saga::lease(app),
        version: 1,
        timeline: Vec::new(),
    };
    order.begin(Step::Reserving, now);
    Ok(order)
}

/// The caller with their contact as it is now. Without it the order is made all the same, and its customer gets no SMS: the number in
/// the token may be one that they have removed.
fn customer(app: &App, request: &Request, claims: &Claims) -> Result<Customer, Problem> {
    let (context, url) = (request.context(), &app.config.user_url);
    let contact = ports::contact(&*app.outbound, context, url, request.bearer()?);
    let contact = contact.unwrap_or_else(|problem| {
        let fields = serde_json::json!({"cause": format!("{problem:?}")});
        log::warn(
            context,
            "the customer's profile cannot be read; they get no SMS",
            fields,
        );
        ports::Contact {
            email: claims.email.clone(),
            name: claims.name.clone(),
            phone: None,
        }
    });
    Ok(Customer {
        user_id: claims.sub,
        email: contact.email,
        name: contact.name,
        phone: contact.phone,
    })
}

/// The version of the caller's cart, and what is in it.
fn cart(app: &App, request: &Request) -> Result<(i64, Vec<Line>), Problem> {
    let (outbound, context) = (&*app.outbound, request.context());
    let cart = ports::cart(outbound, context, &app.config.cart_url, request.bearer()?)?;
    let version = cart.version;
    let lines = cart.into_lines();
    if lines.is_empty() {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "empty_cart",
            "items: none given, and the cart is empty",
        ));
    }
    Ok((version, draft::join_lines("cart", lines)?))
}

fn no_price(context: &Context, order_id: uuid::Uuid, error: PriceError) -> Problem {
    let detail = format!("items: {error}");
    match error {
        PriceError::Unpriced(skus) => {
            // Somebody forgot to price what is on sale: a person has to look at it.
            for sku in &skus {
                let fields = serde_json::json!({"sku": sku, "order_id": order_id});
                log::error(context, "an item without a price was ordered", fields);
            }
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unpriced_item", detail)
                .with("skus", skus)
        }
        PriceError::MixedCurrencies | PriceError::Overflow => Problem::invalid(detail),
        PriceError::Broken(cause) => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the order cannot be priced",
        )
        .caused_by(cause),
    }
}

fn list(app: &App, request: &Request) -> Answer {
    let claims = claims(app, request)?;
    let [limit, token] = request.query(["limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let before = before(token.as_deref())?;
    let mut orders = store::of_user(&*app.db, claims.sub, &before, limit + 1)?;
    where_parcels_are(app, request.context(), &mut orders);
    let views = orders.into_iter().map(View::from).collect();
    json(StatusCode::OK, &Page::new(views, limit, |v| v.order_id))
}

fn before(token: Option<&str>) -> Result<String, Problem> {
    Ok(page::cursor(token)?.unwrap_or_else(|| Uuid::max().to_string()))
}

/// The caller's own order, or 404: whether somebody else has it is nobody's business.
fn own(app: &App, request: &Request) -> Result<Order, Problem> {
    let claims = claims(app, request)?;
    request.query([])?;
    let order_id = request.id_param("order_id")?;
    store::find(&*app.db, order_id)?
        .filter(|order| order.customer.user_id == claims.sub)
        .ok_or_else(|| Problem::not_found(format!("order_id: you have no order {order_id}")))
}

fn show(app: &App, request: &Request) -> Answer {
    let mut order = own(app, request)?;
    where_parcels_are(app, request.context(), std::slice::from_mut(&mut order));
    json(StatusCode::OK, &View::from(order))
}

/// Shipments as shipping has them now: it hears from the carrier, order does not. Where shipping does not answer, they stay as order
/// last knew them.
fn where_parcels_are(app: &App, context: &Context, orders: &mut [Order]) {
    let shipped = orders.iter().filter(|order| order.shipment.is_some());
    let ids: Vec<Uuid> = shipped.map(|order| order.order_id).collect();
    if ids.is_empty() {
        return;
    }
    match app.peers(context).shipments_of(&ids) {
        Ok(shipments) => {
            for (order_id, shipment) in shipments {
                let of = orders.iter_mut().find(|order| order.order_id == order_id);
                if let Some(order) = of {
                    order.shipment = Some(shipment);
                }
            }
        }
        Err(fail) => {
            let fields = serde_json::json!({"cause": format!("{fail:?}")});
            log::warn(context, "where parcels are is not known", fields);
        }
    }
}

fn cancel(app: &App, request: &Request) -> Answer {
    let order = own(app, request)?;
    let order = cancelled(app, request.context(), order, Reason::Customer)?;
    json(StatusCode::OK, &View::from(order))
}

/// As [`cancel`], of anybody's order, and of one whose parcel came back too.
fn cancel_inside(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let order_id = request.id_param("order_id")?;
    let order = store::find(&*app.db, order_id)?
        .ok_or_else(|| Problem::not_found(format!("order_id: there is no order {order_id}")))?;
    let order = cancelled(app, request.context(), order, Reason::Operator)?;
    json(StatusCode::OK, &InsideView::from(order))
}

fn cancelled(app: &App, context: &Context, mut order: Order, by: Reason) -> Result<Order, Problem> {
    if order.status == Status::Cancelled {
        order = confirm_cancelled(app, order, by)?;
    } else {
        // What is overtaken here was being driven a moment ago, or is now.
        if !call_off(app, &mut order, by)? {
            return Err(Problem::conflict(
                "order_in_progress",
                format!("order_id: {} is being worked on", order.order_id),
            )
            .retry_after(2));
        }
        order = drive(app, context, order, false)?;
    }
    match order.status {
        Status::Cancelled => Ok(order),
        Status::Confirmed => Err(Problem::conflict(
            "handed_over",
            format!(
                "order_id: the carrier already has the parcel of {}",
                order.order_id
            ),
        )),
        Status::Pending => Err(Problem::unavailable(
            "the order is being cancelled; ask again, or look at it later",
        )
        .with("order_id", order.order_id.to_string())),
    }
}

/// A cancelled order whose key was freed gets it back: nobody wants an order any more, so the key must not make another one. Where
/// it has made one already, that is an order of its own.
fn confirm_cancelled(app: &App, order: Order, by: Reason) -> Result<Order, Problem> {
    let now = app.now();
    let mut called_off = order.clone();
    steps::cancel(&mut called_off, by, now);
    if called_off.idempotency_key == order.idempotency_key {
        return Ok(order);
    }
    let lines = called_off.timeline.len();
    match store::save(
        &*app.db,
        &mut called_off,
        store::Guard::Free(now),
        lines,
        None,
    ) {
        Ok(true) => Ok(called_off),
        Ok(false) => Err(Problem::unavailable(
            "the order changed meanwhile; ask again",
        )),
        Err(SqlError::Duplicate(_)) => Ok(order),
        Err(error) => Err(error.into()),
    }
}

/// Turns the order around under a lease of our own: false if somebody drives it.
fn call_off(app: &App, order: &mut Order, by: Reason) -> Result<bool, SqlError> {
    let now = app.now();
    let from = order.timeline.len().saturating_sub(1);
    steps::cancel(order, by, now);
    order.begin(order.step, now);
    order.lease = saga::lease(app);
    store::save(&*app.db, order, store::Guard::Free(now), from, None)
}

fn list_all(app: &App, request: &Request) -> Answer {
    let [status, limit, token] = request.query(["status", "limit", "page_token"])?;
    let status = status
        .map(|word| {
            Status::from_word(&word).ok_or_else(|| {
                Problem::bad_request(
                    "bad_status",
                    format!(
                        "status: `{}` is not pending, confirmed or cancelled",
                        text::shorten(&word)
                    ),
                )
            })
        })
        .transpose()?;
    let limit = page::limit(limit.as_deref())?;
    let before = before(token.as_deref())?;
    let mut orders = store::list(&*app.db, status, &before, limit + 1)?;
    where_parcels_are(app, request.context(), &mut orders);
    let views = orders.into_iter().map(InsideView::from).collect();
    json(
        StatusCode::OK,
        &Page::new(views, limit, |v| v.view.order_id),
    )
}

fn recover(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(StatusCode::OK, &saga::recover(app, request.context())?)
}

fn flush(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let url = &app.config.notification_url;
    json(
        StatusCode::OK,
        &outbox::flush(
            &*app.db,
            Caller {
                outbound: &*app.outbound,
                context: request.context(),
            },
            url,
        )?,
    )
}

fn waiting(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(StatusCode::OK, &outbox::waiting(&*app.db, SERVICE)?)
}
