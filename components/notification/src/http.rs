//! Routes, decoding, and which rule answers with which status.

use std::cell::Cell;

use http::{Method, StatusCode};
use serde_json::json;
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::page::{self, Page};
use stoa_service::route::{self, Answer, Route};
use stoa_service::sql::Database;
use stoa_service::{Context, Problem, Request, Service, log, time, token};

use crate::config::Config;
use crate::{cloudevent, delivery, domain, store};

/// The service's name.
pub const SERVICE: &str = "notification";

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// For providers and user's keys.
    pub outbound: Box<dyn Outbound>,
    /// Set by a handler that took an event over: there is something to deliver once its answer is out.
    pub news: Cell<bool>,
}

impl App {
    /// What is left to do when the answer is out: a first try of what the request brought. What fails here is tried
    /// again by `POST /internal/notifications/deliver` or after the next event, so it is only logged.
    pub fn after_the_answer(&self, context: &Context) {
        if !self.news.take() {
            return;
        }
        if let Err(error) = delivery::deliver(&*self.db, &*self.outbound, &self.config, context) {
            let fields = json!({"error": error.to_string()});
            log::error(context, "nothing could be delivered after an event", fields);
        }
    }
}

/// Every route of this service.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::POST, "/events", accept),
    Route::new(Method::GET, "/notification", inbox),
    Route::new(Method::POST, "/internal/notifications/deliver", deliver),
    Route::new(Method::GET, "/internal/notifications/deliveries", waiting),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;

    fn after_response(&self, context: &Context) {
        self.after_the_answer(context);
    }
}

fn accept(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let event = cloudevent::read(request)?;
    let news = domain::news(&event).map_err(Problem::invalid)?;
    let new = store::accept(&*app.db, &event, news.as_ref(), time::now())?;
    app.news.set(new && news.is_some());
    let status = if new { "accepted" } else { "duplicate" };
    let fields =
        json!({"event_id": event.id, "source": event.source, "type": event.kind, "status": status});
    log::info(request.context(), "event", fields);
    route::json(
        StatusCode::ACCEPTED,
        &json!({"id": event.id, "status": status}),
    )
}

fn inbox(app: &App, request: &Request) -> Answer {
    let claims = token::verify(
        &*app.db,
        Caller {
            outbound: &*app.outbound,
            context: request.context(),
        },
        &app.config.user_url,
        request,
    )?;
    let [limit, before] = request.query(["limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let before = page::cursor(before.as_deref())?;
    let found = store::inbox(&*app.db, claims.sub, before, limit + 1)?;
    route::json(
        StatusCode::OK,
        &Page::new(found, limit, |n| n.notification_id),
    )
}

fn deliver(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let done = delivery::deliver(&*app.db, &*app.outbound, &app.config, request.context())?;
    route::json(StatusCode::OK, &done)
}

fn waiting(app: &App, request: &Request) -> Answer {
    request.query([])?;
    route::json(StatusCode::OK, &delivery::waiting(&*app.db)?)
}
