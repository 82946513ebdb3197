//! The HTTP interface: the routes, their handlers, and the status and code of each error.

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::idempotency::{self, Key, Policy, fingerprint};
use stoa_service::money::Money;
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, Route, json};
use stoa_service::{Problem, Request, Service, id, log};
use uuid::Uuid;

use crate::app::App;
use crate::domain::{CardToken, Payment, check_amount};
use crate::error::Error;
use crate::resolution::{Goal, resolve_payment};
use crate::store;

impl Service for App {
    const NAME: &'static str = "payment";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/payments", list),
        Route::new(Method::POST, "/payments", pay),
        Route::new(Method::GET, "/payments/{payment_id}", show),
        Route::new(Method::POST, "/payments/{payment_id}/refund", refund),
    ];
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let declined = |status, payment_id: Uuid, decline_code: String| {
            Self::new(status, "payment_declined", detail.clone())
                .with("decline_code", decline_code)
                .with("payment_id", payment_id.to_string())
        };
        match error {
            Error::Invalid(error) => error.into(),
            Error::NoPayment(_) => Self::not_found(detail),
            Error::PaymentDiffers { .. } => Self::conflict("payment_differs", detail),
            Error::ChargeDeclined {
                payment_id,
                decline_code,
            } => declined(StatusCode::PAYMENT_REQUIRED, payment_id, decline_code),
            Error::NothingToRefund {
                payment_id,
                decline_code,
            } => declined(StatusCode::CONFLICT, payment_id, decline_code),
            Error::PaymentClosed { payment_id, .. } => {
                Self::conflict("payment_closed", detail).with("payment_id", payment_id.to_string())
            }
            Error::Unsettled { payment_id, status } => {
                Self::unavailable(detail).caused_by(format!("payment {payment_id} is {status}"))
            }
            Error::Processor(error) => error.into(),
            Error::Database(error) => error.into(),
        }
    }
}

fn resolve(
    app: &App,
    request: &Request,
    payment: Payment,
    goal: Goal<'_>,
) -> Result<Payment, Error> {
    let context = request.context();
    resolve_payment(&*app.db, &app.processor(context), context, payment, goal)
}

/// Returns the payment with the status that the processor reports. If the processor does not respond, returns the stored payment.
fn look_up(app: &App, request: &Request, stored: Payment) -> Payment {
    resolve(app, request, stored.clone(), Goal::LookUp).unwrap_or_else(|error| {
        let fields =
            serde_json::json!({"payment_id": stored.payment_id, "cause": error.to_string()});
        log::warn(
            request.context(),
            "cannot look up the payment at the card processor",
            fields,
        );
        stored
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    order_id: Uuid,
    amount: Money,
    method: PaymentMethod,
    // Accepts any JSON value, because a decoding error would quote the value, which may be a card number.
    card_token: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PaymentMethod {
    Card,
}

fn pay(app: &App, request: &Request) -> Answer {
    let key = Key {
        owner: "order",
        key: request.idempotency_key()?,
        fingerprint: fingerprint(request),
    };
    request.query([])?;
    let Pay {
        order_id,
        amount,
        method: PaymentMethod::Card,
        card_token,
    } = request.json()?;
    check_amount(amount)?;
    let token = CardToken::parse(card_token.as_str().unwrap_or_default())?;
    idempotency::once(&*app.db, request, &key, Policy::default(), || {
        let (payment, is_new) = store::find_or_create(&*app.db, order_id, amount)?;
        let goal = Goal::Charge {
            token: &token,
            is_new,
        };
        let payment = resolve(app, request, payment, goal)?;
        json(StatusCode::CREATED, &payment.charge_result()?)
    })
}

fn show(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let payment = store::find(&*app.db, request.id_param("payment_id")?)?;
    json(StatusCode::OK, &look_up(app, request, payment))
}

fn list(app: &App, request: &Request) -> Answer {
    let [limit, token, order_id] = request.query(["limit", "page_token", "order_id"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    let Some(order_id) = order_id else {
        let found = store::list(&*app.db, &after, limit + 1)?;
        return json(StatusCode::OK, &Page::new(found, limit, |p| p.payment_id));
    };
    let order_id = id::parse("order_id", &order_id)?;
    let payment = store::find_by_order(&*app.db, order_id)?;
    let page = Page {
        items: payment
            .map(|payment| look_up(app, request, payment))
            .into_iter()
            .collect(),
        next_page_token: None,
    };
    json(StatusCode::OK, &page)
}

fn refund(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let payment = store::find(&*app.db, request.id_param("payment_id")?)?;
    let payment = resolve(app, request, payment, Goal::Refund)?;
    json(StatusCode::OK, &payment.refund_result()?)
}
