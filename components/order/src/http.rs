//! Routes and handlers. [`body`] decodes a submission; `http/problem.rs` is the one match from error to status and code.
//!
//! A confirmed order answers the repeats of its submission. Two kinds of answers are kept, because no order can repeat them
//! (`stoa_service::idempotency`): a rejection, whose document has the `request_id` of the first request, and the answer of a confirmed
//! order that is cancelled later.

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
use crate::view::{InsideView, View};
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
            cancel_inside,
        ),
        Route::new(Method::POST, "/internal/orders/recover", recover),
        Route::new(Method::POST, "/internal/orders/outbox", flush),
        Route::new(Method::GET, "/internal/orders/outbox", waiting),
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
    if let Some(answer) = idempotency::kept(&*app.db, App::NAME, &key)? {
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
        // The key's stored answer belongs to the other request.
        Err(error @ Error::KeyReused) => Err(error.into()),
        Err(error) => keep_rejection(app, request, &key, claims.sub, error),
    }
}

fn created(order: Order) -> Answer {
    json(StatusCode::CREATED, &View::from(order))
}

/// The answer of a rejected submission, kept unless it decides nothing; of two concurrent ones, the first.
fn keep_rejection(
    app: &App,
    request: &Request,
    key: &Key<'_>,
    user_id: Uuid,
    error: Error,
) -> Answer {
    let has_order = matches!(error, Error::Failed { .. });
    let answer = Problem::from(error).into_response(request.context(), request.path());
    let db = &*app.db;
    let keep = || idempotency::keep(db, App::NAME, key, &answer);
    if has_order {
        keep()?;
    } else if idempotency::is_decision(&answer)
        && store::without_order(db, user_id, key.key, keep)?.is_none()
    {
        // A repeat was faster and made the order.
        return Err(Error::KeyInProgress.into());
    }
    Ok(idempotency::kept(db, App::NAME, key)?.unwrap_or(answer))
}

/// A cancelled order cannot repeat the confirmation that its submission got, so that answer is kept before the cancellation.
fn keep_confirmation(app: &App, order: &Order) -> Result<(), Problem> {
    let (Status::Confirmed, Some(key)) = (order.status, &order.idempotency_key) else {
        return Ok(());
    };
    let answer: Response = created(order.clone())?;
    let key = Key {
        owner: &order.customer.user_id.to_string(),
        key,
        fingerprint: order.fingerprint.clone(),
    };
    Ok(idempotency::keep(&*app.db, App::NAME, &key, &answer)?)
}

fn list(app: &App, request: &Request) -> Answer {
    let claims = claims(app, request)?;
    let [limit, token] = request.query(["limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let before = before(token.as_deref())?;
    let mut orders = rows::of_user(&*app.db, claims.sub, &before, limit + 1)?;
    parcels::refresh(app, request.context(), &mut orders);
    let views = orders.into_iter().map(View::from).collect();
    json(StatusCode::OK, &Page::new(views, limit, |v| v.order_id))
}

fn before(token: Option<&str>) -> Result<String, Problem> {
    Ok(page::cursor(token)?.unwrap_or_else(|| Uuid::max().to_string()))
}

/// The caller's own order.
fn own(app: &App, request: &Request) -> Result<Order, Problem> {
    let claims = claims(app, request)?;
    request.query([])?;
    let order_id = request.id_param("order_id")?;
    let order = rows::find(&*app.db, order_id)?;
    let own = order.filter(|order| order.customer.user_id == claims.sub);
    Ok(own.ok_or(Error::NotFound(order_id))?)
}

fn show(app: &App, request: &Request) -> Answer {
    let mut order = own(app, request)?;
    parcels::refresh(app, request.context(), std::slice::from_mut(&mut order));
    json(StatusCode::OK, &View::from(order))
}

fn cancel(app: &App, request: &Request) -> Answer {
    let order = own(app, request)?;
    keep_confirmation(app, &order)?;
    let by = Reason::CancelledByCustomer;
    let order = cancellation::cancel(app, request.context(), order, by)?;
    json(StatusCode::OK, &View::from(order))
}

/// Like [`cancel`], but for any user's order, and also for one whose parcel came back.
fn cancel_inside(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let order_id = request.id_param("order_id")?;
    let order = rows::find(&*app.db, order_id)?.ok_or(Error::NotFound(order_id))?;
    keep_confirmation(app, &order)?;
    let by = Reason::CancelledByOperator;
    let order = cancellation::cancel(app, request.context(), order, by)?;
    json(StatusCode::OK, &InsideView::from(order))
}

fn list_all(app: &App, request: &Request) -> Answer {
    let [status, limit, token] = request.query(["status", "limit", "page_token"])?;
    let status = status.as_deref().map(status_word).transpose()?;
    let limit = page::limit(limit.as_deref())?;
    let before = before(token.as_deref())?;
    let mut orders = rows::list(&*app.db, status, &before, limit + 1)?;
    parcels::refresh(app, request.context(), &mut orders);
    let views = orders.into_iter().map(InsideView::from).collect();
    json(
        StatusCode::OK,
        &Page::new(views, limit, |v| v.view.order_id),
    )
}

fn status_word(word: &str) -> Result<Status, Problem> {
    word.parse().map_err(|_| {
        Problem::bad_request(
            "bad_status",
            format!(
                "status: `{}` is not pending, confirmed or cancelled",
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

fn flush(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(StatusCode::OK, &app.flush_outbox(request.context())?)
}

fn waiting(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(StatusCode::OK, &outbox::waiting(&*app.db, App::NAME)?)
}
