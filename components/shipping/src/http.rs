//! Routes, decoding, and which state answers with which status.

use std::cell::Cell;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use stoa_service::idempotency::{self, Key, Policy, fingerprint};
use stoa_service::outbound::{Caller, Outbound};
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, Route, json};
use stoa_service::sql::Database;
use stoa_service::time::{self, rfc3339};
use stoa_service::{Context, Problem, Request, Service, id, log, outbox, text};
use uuid::Uuid;

use crate::config::Config;
use crate::domain::{Address, Line, Report, Shipment, Status, View, check_address, check_lines};
use crate::ports::Carrier;
use crate::{settle, signature, store};

/// The service's name.
pub const SERVICE: &str = "shipping";

/// The longest note of a report, in characters, as JSON Schema counts them.
const MAX_NOTE: usize = 500;

/// The most orders whose shipments are listed at once: a page of orders, and the one that says whether there are more.
const MAX_ORDERS: usize = 101;

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// The way to the carrier and to notification.
    pub outbound: Box<dyn Outbound>,
    /// Whether this request may have left something to be told.
    pub news: Cell<bool>,
}

/// Every route of this service.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::GET, "/shipping/{tracking_number}", track),
    Route::new(Method::GET, "/shipments", list),
    Route::new(Method::POST, "/shipments", ship),
    Route::new(Method::POST, "/shipments/{shipment_id}/cancel", cancel),
    Route::new(Method::POST, "/shipments/{shipment_id}/events", take_report),
    Route::new(Method::POST, "/internal/shipments/outbox", flush),
    Route::new(Method::GET, "/internal/shipments/outbox", waiting),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;

    fn after_response(&self, context: &Context) {
        self.after_the_answer(context);
    }
}

impl App {
    fn carrier<'a>(&'a self, context: &'a Context) -> Carrier<'a> {
        Carrier::new(&*self.outbound, context, &self.config.carrier_url)
    }

    /// Sends what the request left to be told: events to notification, call-offs to the carrier. What does not get through
    /// stays for the operator's passes.
    pub fn after_the_answer(&self, context: &Context) {
        if !self.news.take() {
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
            let fields = serde_json::json!({"error": error.to_string()});
            log::warn(context, "the outbox stays full", fields);
        }
        self.tell_call_offs(context);
    }

    fn tell_call_offs(&self, context: &Context) {
        if let Err(problem) = settle::tell_call_offs(&*self.db, &self.carrier(context), context) {
            let fields = serde_json::json!({"error": format!("{problem:?}")});
            log::warn(
                context,
                "the carrier is still to be told of a call-off",
                fields,
            );
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ship {
    order_id: Uuid,
    address: Address,
    lines: Vec<Line>,
}

fn ship(app: &App, request: &Request) -> Answer {
    let key = Key {
        owner: "order",
        key: request.idempotency_key()?,
        fingerprint: fingerprint(request),
    };
    request.query([])?;
    let Ship {
        order_id,
        address,
        lines,
    } = request.json()?;
    check_address(&address).map_err(Problem::invalid)?;
    check_lines(&lines).map_err(Problem::invalid)?;
    idempotency::once(&*app.db, request, &key, Policy::default(), || {
        let (shipment, fresh) = store::begin(&*app.db, order_id, &address, &lines)?;
        let context = request.context();
        let carrier = app.carrier(context);
        let shipment = settle::create(&*app.db, &carrier, context, shipment, fresh)?;
        let with_id =
            |problem: Problem| problem.with("shipment_id", shipment.shipment_id.to_string());
        match shipment.status {
            Status::Pending => Err(open(&shipment)),
            Status::Refused => Err(with_id(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "address_refused",
                "address: the carrier does not deliver there",
            ))),
            Status::Cancelled => Err(with_id(Problem::conflict(
                "shipment_cancelled",
                format!("order_id: the shipment of order {order_id} was cancelled"),
            ))),
            _ => json(StatusCode::CREATED, &View::from(shipment)),
        }
    })
}

fn cancel(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let shipment = store::find(&*app.db, request.id_param("shipment_id")?)?;
    let context = request.context();
    let shipment = settle::cancel(&*app.db, &app.carrier(context), context, shipment)?;
    app.news.set(true);
    match shipment.status {
        Status::Cancelled => json(StatusCode::OK, &View::from(shipment)),
        status if status.is_handed_over() || !shipment.cancel_asked => Err(Problem::conflict(
            "handed_over",
            format!(
                "shipment_id: {} is with the carrier and cannot be called off",
                shipment.shipment_id
            ),
        )
        .with("shipment_status", status.word())),
        _ => Err(open(&shipment)),
    }
}

fn list(app: &App, request: &Request) -> Answer {
    let [limit, token, order_id] = request.query(["limit", "page_token", "order_id"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    let page = match order_id {
        Some(order_ids) => Page {
            items: store::of_orders(&*app.db, &parse_ids(&order_ids)?)?,
            next_page_token: None,
        },
        None => {
            let found = store::list(&*app.db, &after, limit + 1)?;
            Page::new(found, limit, |s| s.shipment_id)
        }
    };
    json(
        StatusCode::OK,
        &Page {
            items: page.items.into_iter().map(View::from).collect(),
            next_page_token: page.next_page_token,
        },
    )
}

/// One id, or several with commas between.
fn parse_ids(text: &str) -> Result<Vec<Uuid>, Problem> {
    let ids = text.split(',').map(|id| id::parse("order_id", id));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    if ids.len() > MAX_ORDERS {
        return Err(Problem::invalid(format!(
            "order_id: {} given, expected {MAX_ORDERS} at most",
            ids.len()
        )));
    }
    Ok(ids)
}

#[derive(Serialize)]
struct Tracking {
    tracking_number: String,
    status: Status,
    events: Vec<Happened>,
}

#[derive(Serialize)]
struct Happened {
    status: String,
    at: String,
    note: Option<String>,
}

/// For whoever has the number: where the parcel is, and nothing of whose it is.
fn track(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let tracking_number = request.param("tracking_number");
    let shipment = store::of_parcel(&*app.db, tracking_number)?.ok_or_else(|| {
        Problem::not_found(format!(
            "tracking_number: `{}` is not known",
            text::shorten(tracking_number)
        ))
    })?;
    let events = store::history(&*app.db, shipment.shipment_id)?
        .into_iter()
        .map(|(status, at, note)| Happened {
            status,
            at: rfc3339(at),
            note,
        })
        .collect();
    json(
        StatusCode::OK,
        &Tracking {
            tracking_number: tracking_number.to_owned(),
            status: shipment.status,
            events,
        },
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CarrierEvent {
    event_id: String,
    status: Status,
    at: String,
    #[serde(default)]
    note: Option<String>,
}

fn take_report(app: &App, request: &Request) -> Answer {
    signature::verify(
        &app.config.carrier_secret,
        request.header("x-carrier-signature"),
        request.body(),
        time::now() / 1000,
    )?;
    request.query([])?;
    let shipment_id = request.id_param("shipment_id")?;
    let report = check_report(request.json()?).map_err(Problem::invalid)?;
    let (shipment, news) = store::take_report(&*app.db, shipment_id, &report)?;
    if news {
        app.news.set(true);
        log::info(
            request.context(),
            "shipment moved",
            serde_json::json!({"shipment_id": shipment_id, "order_id": shipment.order_id, "status": shipment.status}),
        );
    }
    json(
        StatusCode::OK,
        &serde_json::json!({"status": shipment.status}),
    )
}

fn check_report(event: CarrierEvent) -> Result<Report, String> {
    let CarrierEvent {
        event_id,
        status,
        at,
        note,
    } = event;
    if !(1..=128).contains(&event_id.len()) || !event_id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "event_id: `{}` is not 1 to 128 visible ASCII characters",
            text::shorten(&event_id)
        ));
    }
    if matches!(status, Status::Pending | Status::Refused) {
        return Err(format!(
            "status: `{}` is not one that a parcel can have",
            status.word()
        ));
    }
    let length = note.as_ref().map_or(0, |note| note.chars().count());
    if length > MAX_NOTE {
        return Err(format!(
            "note: {length} characters given, expected {MAX_NOTE} at most"
        ));
    }
    let at = time::parse(&at)
        .ok_or_else(|| format!("at: `{}` is not an instant of RFC 3339", text::shorten(&at)))?;
    Ok(Report {
        event_id,
        status,
        at,
        note,
    })
}

fn flush(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let (url, context) = (&app.config.notification_url, request.context());
    let answer = json(
        StatusCode::OK,
        &outbox::flush(
            &*app.db,
            Caller {
                outbound: &*app.outbound,
                context,
            },
            url,
        )?,
    )?;
    app.tell_call_offs(context);
    Ok(answer)
}

fn waiting(app: &App, request: &Request) -> Answer {
    request.query([])?;
    json(StatusCode::OK, &outbox::waiting(&*app.db, SERVICE)?)
}

fn open(shipment: &Shipment) -> Problem {
    Problem::unavailable("the shipment is not settled; ask again").caused_by(format!(
        "shipment {} is {}",
        shipment.shipment_id,
        shipment.status.word()
    ))
}
