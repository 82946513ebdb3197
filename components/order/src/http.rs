//! Routes and handlers. [`body`] decodes a submission, and `http/problem.rs` maps errors to statuses and codes.
//!
//! The response to a repeated submission is made from its confirmed order. Two kinds of responses cannot be made from an order, so
//! `stoa_service::idempotency` stores them:
//! - A rejection, because its problem document contains the `request_id` of the rejected request, and a repeat must get the same
//!   document.
//! - The response that confirmed an order, if the order was cancelled later.

use http::{Method, StatusCode};
use stoa_service::idempotency::{self, Key, fingerprint};
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, Response, Route, json};
use stoa_service::token::{self, Claims};
use stoa_service::{Context, Problem, Request, Service, outbox, text};
use uuid::Uuid;

use crate::app::App;
use crate::domain::{Order, Reason, Status};
use crate::draft::Submission;
use crate::error::Error;
use crate::saga::{cancellation, recovery};
use crate::store::{self, rows};
use crate::view::{OperatorView, View};
use crate::{parcels, submission};

pub mod body;
mod problem;

impl Service for App {
    const NAME: &'static str = "order";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::POST, "/order", submit),
        Route::new(Method::GET, "/order", list),
        Route::new(Method::GET, "/order/{order_id}", show),
        Route::new(Method::POST, "/order/{order_id}/cancel", cancel),
        Route::new(Method::GET, "/internal/orders", list_all),
        Route::new(
            Method::POST,
            "/internal/orders/{order_id}/cancel",
            cancel_by_operator,
        ),
        Route::new(Method::POST, "/internal/orders/recover", recover),
        Route::new(Method::POST, "/internal/orders/outbox", flush_outbox),
        Route::new(Method::GET, "/internal/orders/outbox", show_outbox),
    ];

    fn after_response(&self, context: &Context) {
        App::after_response(self, context);
    }
}

fn claims(app: &App, request: &Request) -> Result<Claims, Problem> {
    let caller = app.caller(request.context());
    token::verify(&*app.db, caller, &app.config.user_url, request)
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
    let draft = body::read(request)?;
    if let Some(answer) = idempotency::stored_response(&*app.db, App::NAME, &key)? {
        return Ok(answer);
    }
    let submission = Submission {
        claims: &claims,
        token: request.bearer()?,
        key: key.key,
        fingerprint: &key.fingerprint,
        draft: &draft,
    };
    match submission::submit(app, request.context(), &submission) {
        Ok(order) => created(order),
        // This error must not be stored for the idempotency key, because the key belongs to another request.
        Err(error @ Error::KeyReused) => Err(error.into()),
        Err(error) => store_rejection(app, request, &key, claims.sub, error),
    }
}

fn created(order: Order) -> Answer {
    json(StatusCode::CREATED, &View::from(order))
}

/// The response to a rejected submission. If the rejection is final, the response is stored for the idempotency key. If two
/// requests with the same key are rejected at the same time, both get the response that was stored first.
fn store_rejection(
    app: &App,
    request: &Request,
    key: &Key<'_>,
    user_id: Uuid,
    error: Error,
) -> Answer {
    let has_order = matches!(error, Error::Failed { .. });
    let answer = Problem::from(error).into_response(request.context(), request.path());
    let db = &*app.db;
    let store_answer = || idempotency::store_response(db, App::NAME, key, &answer);
    if has_order {
        store_answer()?;
    } else if idempotency::is_final(&answer)
        && store::without_order(db, user_id, key.key, store_answer)?.is_none()
    {
        // Another request with the same idempotency key has made an order in the meantime.
        return Err(Error::KeyInProgress.into());
    }
    Ok(idempotency::stored_response(db, App::NAME, key)?.unwrap_or(answer))
}

/// Stores the response that confirmed the order, for the idempotency key of its submission, before the order is cancelled. Such a
/// response cannot be made from a cancelled order.
fn store_confirmation(app: &App, order: &Order) -> Result<(), Problem> {
    let (Status::Confirmed, Some(key)) = (order.status, &order.idempotency_key) else {
        return Ok(());
    };
    let answer: Response = created(order.clone())?;
    let key = Key {
        owner: &order.customer.user_id.to_string(),
        key,
        fingerprint: order.fingerprint.clone(),
    };
    Ok(idempotency::store_response(
        &*app.db,
        App::NAME,
        &key,
        &answer,
    )?)
}

fn list(app: &App, request: &Request) -> Answer {
    let claims = claims(app, request)?;
    let [limit, token] = request.query(["limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let before = page_start(token.as_deref())?;
    let mut orders = rows::of_user(&*app.db, claims.sub, &before, limit + 1)?;
    parcels::refresh(app, request.context(), &mut orders);
    let views = orders.into_iter().map(View::from).collect();
    json(StatusCode::OK, &Page::new(views, limit, |v| v.order_id))
}

fn page_start(token: Option<&str>) -> Result<String, Problem> {
    Ok(page::cursor(token)?.unwrap_or_else(|| Uuid::max().to_string()))
}

/// Reads the order whose id is in the request path. The order of another user counts as not found.
fn order_of_caller(app: &App, request: &Request) -> Result<Order, Problem> {
    let claims = claims(app, request)?;
    request.query([])?;
    let order_id = request.id_param("order_id")?;
    let order = rows::find(&*app.db, order_id)?;
    let order = order.filter(|order| order.customer.user_id == claims.sub);
    Ok(order.ok_or(Error::NotFound(order_id))?)
}

fn show(app: &App, request: &Request) -> Answer {
    let mut order = order_of_caller(app, request)?;
    parcels::refresh(app, request.context(), std::slice::from_mut(&mut order));
    json(StatusCode::OK, &View::from(order))
}

fn cancel(app: &App, request: &Request) -> Answer {
    let order = order_of_caller(app, request)?;
    store_confirmation(app, &order)?;
    let reason = Reason::CancelledByCustomer;
    let order = cancellation::cancel(app, request.context(), order, reason)?;
    json(StatusCode::OK, &View::from(order))
}

/// Cancels the order of any user. Unlike [`cancel`], this operation also cancels an order whose parcel was returned.
fn cancel_by_operator(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let order_id = request.id_param("order_id")?;
    let order = rows::find(&*app.db, order_id)?.ok_or(Error::NotFound(order_id))?;
    store_confirmation(app, &order)?;
    let reason = Reason::CancelledByOperator;
    let order = cancellation::cancel(app, request.context(), order, reason)?;
    json(StatusCode::OK, &OperatorView::from(order))
}

fn list_all(app: &App, request: &Request) -> Answer {
    let [status, limit, token] = request.query(["status", "limit", "page_token"])?;
    let status = status.as_deref().map(parse_status).transpose()?;
    let limit = page::limit(limit.as_deref())?;
    let before = page_start(token.as_deref())?;
    let mut orders = rows::list(&*app.db, status, &before, limit + 1)?;
    parcels::refresh(app, request.context(), &mut orders);
    let views = orders.into_iter().map(OperatorView::from).collect();
    json(
        StatusCode::OK,
        &Page::new(views, limit, |v| v.view.order_id),
    )
}

fn parse_status(word: &str) -> Result<Status, Problem> {
    word.parse().map_err(|_| {
        Problem::bad_request(
            "bad_status",
            format!(
                "status: `{}` is not one of pending, confirmed, cancelled",
                text::shorten(word)
            ),
        )
    })
}

fn recover(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let recovered = recovery::recover(app, request.context())?;
    json(StatusCode::OK, &recovered)
}

fn flush_outbox(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(StatusCode::OK, &app.flush_outbox(request.context())?)
}

fn show_outbox(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(StatusCode::OK, &outbox::waiting(&*app.db, App::NAME)?)
}
