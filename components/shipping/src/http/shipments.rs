//! Handlers for shipments: the `order` service creates, cancels and lists shipments.

use http::StatusCode;
use serde::Deserialize;
use stoa_service::idempotency::{self, Key, Policy, fingerprint};
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, json};
use stoa_service::{Invalid, Problem, Request, id};
use uuid::Uuid;

use crate::app::App;
use crate::domain::consignment::{Address, Line, check_lines};
use crate::resolution::{cancel_shipment, resolve_shipment};
use crate::store::shipments;

/// The maximum number of orders in one query: a page of 100 orders, and one more order that shows whether a further page follows.
const MAX_QUERIED_ORDERS: usize = 101;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ship {
    order_id: Uuid,
    address: Address,
    lines: Vec<Line>,
}

pub(super) fn ship(app: &App, request: &Request) -> Answer {
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
    address.check()?;
    check_lines(&lines)?;
    idempotency::once(&*app.db, request, &key, Policy::default(), || {
        let (shipment, is_new) = shipments::begin(&*app.db, order_id, &address, &lines)?;
        let context = request.context();
        let shipment =
            resolve_shipment(&*app.db, &app.carrier(context), context, shipment, is_new)?;
        json(StatusCode::CREATED, &shipment.shipped()?)
    })
}

pub(super) fn cancel(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let shipment = shipments::find(&*app.db, request.id_param("shipment_id")?)?;
    let context = request.context();
    let shipment = cancel_shipment(&*app.db, &app.carrier(context), context, shipment)?;
    app.outbox_dirty.set(true);
    json(StatusCode::OK, &shipment.cancelled()?)
}

pub(super) fn list(app: &App, request: &Request) -> Answer {
    let [limit, token, order_ids] = request.query(["limit", "page_token", "order_id"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    let page = match order_ids {
        Some(order_ids) => Page {
            items: shipments::list_by_orders(&*app.db, &parse_ids(&order_ids)?)?,
            next_page_token: None,
        },
        None => {
            let found = shipments::list(&*app.db, &after, limit + 1)?;
            Page::new(found, limit, |s| s.shipment_id)
        }
    };
    json(StatusCode::OK, &page)
}

/// Reads one or several ids, separated by commas.
fn parse_ids(text: &str) -> Result<Vec<Uuid>, Problem> {
    let ids = text.split(',').map(|id| id::parse("order_id", id));
    let ids = ids.collect::<Result<Vec<_>, Invalid>>()?;
    if ids.len() > MAX_QUERIED_ORDERS {
        return Err(Problem::invalid(format!(
            "order_id: has {} ids, expected {MAX_QUERIED_ORDERS} at most",
            ids.len()
        )));
    }
    Ok(ids)
}
