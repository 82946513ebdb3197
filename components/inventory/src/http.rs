//! Routes, decoding, and which rule answers with which status.

use http::{HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use stoa_service::idempotency::{self, Key, Policy, fingerprint};
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, Route, json};
use stoa_service::sql::Database;
use stoa_service::{Problem, Request, id, time};
use uuid::Uuid;

use crate::config::Config;
use crate::domain::{Item, Line, MAX_LINES, MAX_QUANTITY, check_sku, join_lines};
use crate::store::{self, Expected};

/// The service's name.
pub const SERVICE: &str = "inventory";

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
}

/// Every route of this service.
pub const ROUTES: &[Route<App>] = &[
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

fn list_items(app: &App, request: &Request) -> Answer {
    let [skus, limit, token] = request.query(["sku", "limit", "page_token"])?;
    if let Some(skus) = skus {
        return list_named(app, &skus, limit.is_some() || token.is_some());
    }
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    store::sweep(&*app.db, time::now())?;
    let items = store::items(&*app.db, &after, limit + 1)?;
    json(
        StatusCode::OK,
        &Page::new(items, limit, |item| item.sku.clone()),
    )
}

/// The items of `?sku=A,B`, in that order; what is not stocked is left out.
fn list_named(app: &App, skus: &str, paged: bool) -> Answer {
    let skus: Vec<&str> = skus.split(',').collect();
    if paged || skus.len() > MAX_LINES {
        return Err(Problem::bad_request(
            "bad_sku_list",
            format!(
                "sku: expected at most {MAX_LINES}, and neither limit nor page_token beside it"
            ),
        ));
    }
    store::sweep(&*app.db, time::now())?;
    let mut items = Vec::with_capacity(skus.len());
    for sku in skus {
        check_sku("sku", sku).map_err(Problem::invalid)?;
        match store::find_item(&*app.db, sku) {
            Ok(item) => items.push(item),
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => {}
            Err(problem) => return Err(problem),
        }
    }
    let page = Page {
        items,
        next_page_token: None,
    };
    json(StatusCode::OK, &page)
}

fn show_item(app: &App, request: &Request) -> Answer {
    request.query([])?;
    store::sweep(&*app.db, time::now())?;
    counted(&store::find_item(&*app.db, request.param("sku"))?)
}

/// An item with the ETag of its count: `"40"` where 40 are on hand.
fn counted(item: &Item) -> Answer {
    let mut response = json(StatusCode::OK, item)?;
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", item.on_hand)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// What `If-Match` expects (RFC 9110, section 13.1.1).
fn expected(header: Option<&str>) -> Result<Expected, Problem> {
    let header = match header.map(str::trim) {
        None => return Ok(Expected::NotStocked),
        Some("*") => return Ok(Expected::Any),
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
                        "If-Match: `{}` is neither an ETag in quotes, such as \"40\", nor *",
                        id::shorten(header)
                    ),
                )
            })?;
        // Another's ETag matches no count.
        counts.extend(tag.parse::<i64>().ok());
    }
    Ok(Expected::OnHand(counts))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutItem {
    #[serde(deserialize_with = "stoa_service::json::whole::<0, MAX_QUANTITY, _>")]
    on_hand: u32,
}

fn put_item(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let sku = request.param("sku");
    check_sku("sku", sku).map_err(Problem::invalid)?;
    let PutItem { on_hand } = request.json()?;
    let expected = expected(request.header("if-match"))?;
    counted(&store::set_on_hand(&*app.db, sku, on_hand, &expected)?)
}

fn show_ledger(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(
        StatusCode::OK,
        &store::ledger(&*app.db, request.param("sku"))?,
    )
}

fn list_reservations(app: &App, request: &Request) -> Answer {
    let [limit, token] = request.query(["limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    store::sweep(&*app.db, time::now())?;
    let found = store::reservations(&*app.db, &after, limit + 1)?;
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
    let lines = join_lines(lines).map_err(Problem::invalid)?;
    idempotency::once(&*app.db, request, &key, Policy::default(), || {
        let now = time::now();
        store::sweep(&*app.db, now)?;
        let expires_at = now + i64::from(app.config.ttl_seconds) * 1000;
        json(
            StatusCode::CREATED,
            &store::reserve(&*app.db, order_id, &lines, now, expires_at)?,
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
    store::sweep(&*app.db, now)?;
    let expires_at = now + i64::from(seconds) * 1000;
    json(
        StatusCode::OK,
        &store::extend(&*app.db, order_id, now, expires_at)?,
    )
}

fn commit(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let now = time::now();
    store::sweep(&*app.db, now)?;
    json(
        StatusCode::OK,
        &store::commit(&*app.db, request.id_param("order_id")?, now)?,
    )
}

fn release(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(
        StatusCode::OK,
        &store::release(&*app.db, request.id_param("order_id")?, time::now())?,
    )
}
