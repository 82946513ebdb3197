//! Resumes the orders that nobody drives, and clears the carts that could not be cleared.

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

/// How many orders one pass resumes.
const BATCH: u32 = 20;
/// For how long one pass begins with further orders, so that it ends within a request's time.
const PASS_BUDGET: Duration = Duration::from_secs(10);

/// What a pass found and made of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// Orders resumed.
    pub examined: u32,
    /// Of these, confirmed now.
    pub confirmed: u32,
    /// Of these, cancelled now.
    pub cancelled: u32,
    /// Of these, to be resumed again.
    pub pending: u32,
}

/// Resumes pending orders that nobody drives, the longest neglected first.
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

/// An order that this release cannot continue must not keep the others waiting: it holds its lease, so the next passes skip it.
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

/// The order; `None`, and a line in the log, where one of its columns holds something unexpected.
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
