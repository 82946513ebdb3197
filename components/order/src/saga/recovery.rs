//! Resumes the orders without a driver, and removes ordered items from the carts that still hold them.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use stoa_service::sql::SqlError;
use stoa_service::{Context, log};
use uuid::Uuid;

use super::cart::clear_cart;
use super::{driver, lease};
use crate::app::App;
use crate::domain::{Order, Status};
use crate::error::Error;
use crate::store::{carts, rows};

/// The most orders that one pass resumes.
const BATCH: u32 = 20;
/// How long one pass starts further orders, so that it ends within a request's time.
const PASS_BUDGET: Duration = Duration::from_secs(10);

/// The result of a pass.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// Orders resumed.
    pub examined: u32,
    /// Of these, confirmed now.
    pub confirmed: u32,
    /// Of these, cancelled now.
    pub cancelled: u32,
    /// Of these, still pending.
    pub pending: u32,
}

/// Resumes pending orders without a driver, the longest neglected first.
pub fn recover(app: &App, context: &Context) -> Result<Recovered, Error> {
    let begun = Instant::now();
    let mut recovered = Recovered::default();
    for order_id in rows::due(&*app.db, app.now(), BATCH)? {
        if begun.elapsed() > PASS_BUDGET {
            break;
        }
        let Some(mut order) = readable(app, context, order_id)? else {
            continue;
        };
        if order.status != Status::Pending || !lease::take_over(app, &mut order)? {
            continue;
        }
        recovered.examined += 1;
        match drive(app, context, order)? {
            Status::Confirmed => recovered.confirmed += 1,
            Status::Cancelled => recovered.cancelled += 1,
            Status::Pending => recovered.pending += 1,
        }
    }
    for order_id in carts::to_clear(&*app.db, BATCH)? {
        if begun.elapsed() > PASS_BUDGET {
            break;
        }
        let Some(mut order) = readable(app, context, order_id)? else {
            continue;
        };
        if let Err(error) = clear_cart(app, context, &mut order) {
            let fields = json!({"order_id": order_id, "cause": error.to_string()});
            log::warn(context, "the cart still holds what was ordered", fields);
        }
    }
    Ok(recovered)
}

/// An order that this release cannot continue must not delay the others: it holds its lease, so the next passes skip it.
fn drive(app: &App, context: &Context, order: Order) -> Result<Status, Error> {
    match driver::drive(app, context, order, false) {
        Ok(order) => Ok(order.status),
        Err(Error::LeaseLost(_)) => Ok(Status::Pending),
        Err(error @ Error::UnknownStep { .. }) => {
            let fields = json!({"cause": error.to_string()});
            log::error(context, "an order cannot be continued", fields);
            Ok(Status::Pending)
        }
        Err(error) => Err(error),
    }
}

/// The order; `None`, with a log line, if one of its columns has an unexpected value.
fn readable(app: &App, context: &Context, order_id: Uuid) -> Result<Option<Order>, Error> {
    match rows::find(&*app.db, order_id) {
        Err(error @ SqlError::Shape { .. }) => {
            let fields = json!({"order_id": order_id, "cause": error.to_string()});
            log::error(context, "an order cannot be read", fields);
            Ok(None)
        }
        other => Ok(other?),
    }
}
