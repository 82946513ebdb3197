//! The HTTP interface: the routes, their handlers, and the status and code of each error.

use http::{HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use stoa_service::idempotency::{self, Key, Policy, fingerprint};
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, Route, json};
use stoa_service::text::shorten;
use stoa_service::{Problem, Request, Service, Sku, time};
use uuid::Uuid;

use crate::app::App;
use crate::domain::{ExpectedCount, Item, Line, MAX_LINES, MAX_QUANTITY, join_lines};
use crate::error::Error;
use crate::store::{items, reservations};

impl Service for App {
    const NAME: &'static str = "inventory";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/items", list_items),
        Route::new(Method::GET, "/items/{sku}", show_item),
        Route::new(Method::PUT, "/items/{sku}", put_item),
        Route::new(Method::GET, "/items/{sku}/ledger", show_ledger),
        Route::new(Method::GET, "/reservations", list_reservations),
        Route::new(Method::POST, "/reservations", reserve),
        Route::new(Method::POST, "/reservations/{order_id}/extend", extend),
        Route::new(Method::POST, "/reservations/{order_id}/commit", commit),
        Route::new(Method::DELETE, "/reservations/{order_id}", release),
    ];
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        match error {
            Error::Invalid(error) => error.into(),
            Error::NotStocked(_) | Error::NoReservation(_) => Self::not_found(detail),
            Error::CountRequired { on_hand, .. } => {
                Self::new(S::PRECONDITION_REQUIRED, "precondition_required", detail)
                    .with("on_hand", on_hand)
            }
            Error::CountChanged { on_hand, .. } => {
                Self::new(S::PRECONDITION_FAILED, "stock_changed", detail).with("on_hand", on_hand)
            }
            Error::NothingToMatch(_) => Self::new(S::PRECONDITION_FAILED, "stock_changed", detail),
            Error::BelowReserved { .. } => Self::conflict("stock_reserved", detail),
            Error::ReservationDiffers(_) => Self::conflict("reservation_differs", detail),
            Error::ReservationClosed { .. } => Self::conflict("reservation_closed", detail),
            Error::InsufficientStock(short) => {
                Self::conflict("insufficient_stock", detail).with("short", serde_json::json!(short))
            }
            Error::Database(error) => error.into(),
        }
    }
}

fn list_items(app: &App, request: &Request) -> Answer {
    let [skus, limit, token] = request.query(["sku", "limit", "page_token"])?;
    if let Some(skus) = skus {
        return list_items_by_sku(app, &skus, limit.is_some() || token.is_some());
    }
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    reservations::sweep(&*app.db, time::now())?;
    let found = items::list(&*app.db, &after, limit + 1)?;
    json(
        StatusCode::OK,
        &Page::new(found, limit, |item| item.sku.clone()),
    )
}

/// Lists the items with the SKUs of `?sku=A,B`, in the sequence of the request. SKUs that are not stocked are left out. `paged` is
/// true if the request also contains `limit` or `page_token`.
fn list_items_by_sku(app: &App, skus: &str, paged: bool) -> Answer {
    let skus: Vec<&str> = skus.split(',').collect();
    if paged {
        return Err(Problem::bad_request(
            "bad_sku_list",
            "sku: cannot be combined with limit or page_token",
        ));
    }
    if skus.len() > MAX_LINES {
        return Err(Problem::bad_request(
            "bad_sku_list",
            format!("sku: {} SKUs given, expected 1 to {MAX_LINES}", skus.len()),
        ));
    }
    let skus: Vec<Sku> = skus
        .into_iter()
        .map(|sku| Sku::parse("sku", sku))
        .collect::<Result<_, _>>()?;
    reservations::sweep(&*app.db, time::now())?;
    let found = items::find_by_skus(&*app.db, &skus)?;
    let items = skus
        .iter()
        .filter_map(|sku| found.iter().find(|item| item.sku == *sku))
        .collect();
    let page = Page {
        items,
        next_page_token: None,
    };
    json(StatusCode::OK, &page)
}

fn show_item(app: &App, request: &Request) -> Answer {
    request.query([])?;
    reservations::sweep(&*app.db, time::now())?;
    item_with_etag(&items::find(&*app.db, request.param("sku"))?)
}

/// The response with an item, and with the count as ETag: `"40"` if 40 units are on hand.
fn item_with_etag(item: &Item) -> Answer {
    let mut response = json(StatusCode::OK, item)?;
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", item.on_hand)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Reads, from the header `If-Match` (RFC 9110, section 13.1.1), the count that the caller expects.
fn expected_count(header: Option<&str>) -> Result<ExpectedCount, Problem> {
    let header = match header.map(str::trim) {
        None => return Ok(ExpectedCount::NotStocked),
        Some("*") => return Ok(ExpectedCount::Any),
        Some(tags) => tags,
    };
    let mut counts = Vec::new();
    for tag in header.split(',').map(str::trim) {
        let tag = tag
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            .ok_or_else(|| {
                Problem::bad_request(
                    "bad_if_match",
                    format!(
                        "If-Match: `{}` is not valid; expected an ETag in quotes, such as \"40\", or *",
                        shorten(header)
                    ),
                )
            })?;
        // An ETag that is not a number cannot match a count, so such an ETag is ignored.
        counts.extend(tag.parse::<i64>().ok());
    }
    Ok(ExpectedCount::OnHand(counts))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutItem {
    #[serde(deserialize_with = "stoa_service::json::whole::<0, MAX_QUANTITY, _>")]
    on_hand: u32,
}

fn put_item(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let sku = Sku::parse("sku", request.param("sku"))?;
    let PutItem { on_hand } = request.json()?;
    let expected = expected_count(request.header("if-match"))?;
    item_with_etag(&items::set_on_hand(&*app.db, &sku, on_hand, &expected)?)
}

fn show_ledger(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(
        StatusCode::OK,
        &items::ledger(&*app.db, request.param("sku"))?,
    )
}

fn list_reservations(app: &App, request: &Request) -> Answer {
    let [limit, token] = request.query(["limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    reservations::sweep(&*app.db, time::now())?;
    let found = reservations::list(&*app.db, &after, limit + 1)?;
    json(StatusCode::OK, &Page::new(found, limit, |r| r.order_id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reserve {
    order_id: Uuid,
    lines: Vec<Line>,
}

fn reserve(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let key = Key {
        owner: "order",
        key: request.idempotency_key()?,
        fingerprint: fingerprint(request),
    };
    let Reserve { order_id, lines } = request.json()?;
    let lines = join_lines(lines)?;
    idempotency::once(&*app.db, request, &key, Policy::default(), || {
        let now = time::now();
        reservations::sweep(&*app.db, now)?;
        let expires_at = now + i64::from(app.config.ttl_seconds) * 1000;
        json(
            StatusCode::CREATED,
            &reservations::reserve(&*app.db, order_id, &lines, now, expires_at)?,
        )
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extend {
    #[serde(deserialize_with = "stoa_service::json::whole::<1, 86_400, _>")]
    seconds: u32,
}

fn extend(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let order_id = request.id_param("order_id")?;
    let Extend { seconds } = request.json()?;
    let now = time::now();
    reservations::sweep(&*app.db, now)?;
    let expires_at = now + i64::from(seconds) * 1000;
    json(
        StatusCode::OK,
        &reservations::extend(&*app.db, order_id, now, expires_at)?,
    )
}

fn commit(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let now = time::now();
    reservations::sweep(&*app.db, now)?;
    json(
        StatusCode::OK,
        &reservations::commit(&*app.db, request.id_param("order_id")?, now)?,
    )
}

fn release(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(
        StatusCode::OK,
        &reservations::release(&*app.db, request.id_param("order_id")?, time::now())?,
    )
}
