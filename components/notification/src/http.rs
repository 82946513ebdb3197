//! The routes, the decoding of requests, and the status and the code of each error.

use http::{Method, StatusCode};
use serde_json::json;
use stoa_service::page::{self, Page};
use stoa_service::route::{self, Answer, Route};
use stoa_service::{Context, Problem, Request, Service, log, time, token};

use crate::app::App;
use crate::delivery;
use crate::domain::notice;
use crate::error::Error;
use crate::store::{deliveries, events, inbox};

pub mod cloudevent;

impl Service for App {
    const NAME: &'static str = "notification";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::POST, "/events", accept),
        Route::new(Method::GET, "/notification", list),
        Route::new(Method::POST, "/internal/notifications/deliver", deliver),
        Route::new(
            Method::GET,
            "/internal/notifications/deliveries",
            count_deliveries,
        ),
    ];

    fn after_response(&self, context: &Context) {
        Self::after_response(self, context);
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(error) => error.into(),
            Error::OtherCustomer(_) => Self::invalid(error.to_string()),
            Error::Database(error) => error.into(),
        }
    }
}

fn accept(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let event = cloudevent::read(request)?;
    let notice = notice::from_event(&event)?;
    let new = events::accept(&*app.db, &event, notice.as_ref(), time::now())?;
    app.deliveries_due.set(new && notice.is_some());
    let status = if new { "accepted" } else { "duplicate" };
    let fields =
        json!({"event_id": event.id, "source": event.source, "type": event.kind, "status": status});
    log::info(request.context(), "an event was received", fields);
    route::json(
        StatusCode::ACCEPTED,
        &json!({"id": event.id, "status": status}),
    )
}

fn list(app: &App, request: &Request) -> Answer {
    let caller = app.caller(request.context());
    let claims = token::verify(&*app.db, caller, &app.config.user_url, request)?;
    let [limit, before] = request.query(["limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let before = page::cursor(before.as_deref())?;
    let found = inbox::list(&*app.db, claims.sub, before, limit + 1)?;
    route::json(
        StatusCode::OK,
        &Page::new(found, limit, |n| n.notification_id),
    )
}

fn deliver(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let context = request.context();
    let done = delivery::deliver(&*app.db, &app.providers(context), context)?;
    route::json(StatusCode::OK, &done)
}

fn count_deliveries(app: &App, request: &Request) -> Answer {
    request.query([])?;
    route::json(StatusCode::OK, &deliveries::count(&*app.db)?)
}
