//! Routes, decoding, and which state answers with which status.

use http::{Method, StatusCode};
use serde::Deserialize;
use stoa_service::idempotency::{self, Key, Policy, fingerprint};
use stoa_service::money::{MAX_AMOUNT, Money};
use stoa_service::outbound::Outbound;
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, Route, json};
use stoa_service::sql::Database;
use stoa_service::{Problem, Request, Service, id, log};
use uuid::Uuid;

use crate::config::Config;
use crate::domain::{CardToken, Payment, Status, View};
use crate::ports::Processor;
use crate::settle::{Wish, settle};
use crate::store;

/// The service's name.
pub const SERVICE: &str = "payment";

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// The way to the card processor.
    pub outbound: Box<dyn Outbound>,
}

/// Every route of this service.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::GET, "/payments", list),
    Route::new(Method::POST, "/payments", pay),
    Route::new(Method::GET, "/payments/{payment_id}", show),
    Route::new(Method::POST, "/payments/{payment_id}/refund", refund),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;
}

impl App {
    fn settle(
        &self,
        request: &Request,
        payment: Payment,
        wish: Wish<'_>,
    ) -> Result<Payment, Problem> {
        let context = request.context();
        let processor = Processor::new(&*self.outbound, context, &self.config.processor_url);
        settle(&*self.db, &processor, context, payment, wish)
    }

    /// The payment as the processor sees it; as it is stored where the processor does not answer.
    fn look(&self, request: &Request, payment: Payment) -> View {
        let stored = payment.clone();
        self.settle(request, payment, Wish::Look)
            .unwrap_or_else(|problem| {
                log::warn(
                    request.context(),
                    "payment left open",
                    serde_json::json!({"payment_id": stored.payment_id, "cause": format!("{problem:?}")}),
                );
                stored
            })
            .into()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    order_id: Uuid,
    amount: Money,
    method: Means,
    // Any JSON: an error of decoding would quote the value, which may be a card number.
    card_token: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Means {
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
        method: Means::Card,
        card_token,
    } = request.json()?;
    if amount.amount < 1 {
        return Err(Problem::invalid(format!(
            "amount.amount: {} is not between 1 and {MAX_AMOUNT} minor units",
            amount.amount
        )));
    }
    let token =
        CardToken::parse(card_token.as_str().unwrap_or_default()).map_err(Problem::invalid)?;
    idempotency::once(&*app.db, request, &key, Policy::default(), || {
        let (payment, fresh) = store::begin(&*app.db, order_id, amount)?;
        let wish = Wish::Charge {
            token: &token,
            fresh,
        };
        let payment = app.settle(request, payment, wish)?;
        match payment.status {
            Status::Captured => json(StatusCode::CREATED, &View::from(payment)),
            Status::Declined => Err(declined(payment, StatusCode::PAYMENT_REQUIRED)),
            Status::Pending => Err(open(&payment)),
            Status::Refunded | Status::Voided => Err(Problem::conflict(
                "payment_closed",
                format!(
                    "order_id: the payment of order {order_id} is {}",
                    payment.status.word()
                ),
            )
            .with("payment_id", payment.payment_id.to_string())),
        }
    })
}

fn show(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let payment = store::find(&*app.db, request.id_param("payment_id")?)?;
    json(StatusCode::OK, &app.look(request, payment))
}

fn list(app: &App, request: &Request) -> Answer {
    let [limit, token, order_id] = request.query(["limit", "page_token", "order_id"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    let Some(order_id) = order_id else {
        let found = store::list(&*app.db, &after, limit + 1)?;
        let page = Page::new(found, limit, |p| p.payment_id);
        return json(
            StatusCode::OK,
            &Page {
                items: page.items.into_iter().map(View::from).collect(),
                next_page_token: page.next_page_token,
            },
        );
    };
    let order_id = id::parse("order_id", &order_id)?;
    let items = store::of_order(&*app.db, order_id)?
        .map(|payment| app.look(request, payment))
        .into_iter()
        .collect::<Vec<_>>();
    json(
        StatusCode::OK,
        &Page {
            items,
            next_page_token: None,
        },
    )
}

fn refund(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let payment = store::find(&*app.db, request.id_param("payment_id")?)?;
    let payment = app.settle(request, payment, Wish::Refund)?;
    match payment.status {
        Status::Refunded | Status::Voided => json(StatusCode::OK, &View::from(payment)),
        Status::Declined => Err(declined(payment, StatusCode::CONFLICT)),
        Status::Pending | Status::Captured => Err(open(&payment)),
    }
}

fn declined(payment: Payment, status: StatusCode) -> Problem {
    let code = payment.decline_code.unwrap_or_default();
    Problem::new(
        status,
        "payment_declined",
        format!("the card processor declined the payment: {code}"),
    )
    .with("decline_code", code)
    .with("payment_id", payment.payment_id.to_string())
}

/// The processor has the last word and has not said it.
fn open(payment: &Payment) -> Problem {
    Problem::unavailable("the payment is not settled; ask again").caused_by(format!(
        "payment {} is {}",
        payment.payment_id,
        payment.status.word()
    ))
}
