//! Recovery resumes the pending orders without a driver. It also removes ordered items that are still in carts.

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

/// The maximum number of orders that one pass of recovery resumes.
const MAX_ORDERS_PER_PASS: u32 = 20;
/// The time after which one pass of recovery starts no further order, so that the pass ends within the time limit of its request
/// (30 s).
const RECOVERY_BUDGET: Duration = Duration::from_secs(10);

/// The result of one pass of recovery.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// The number of orders that the pass resumed.
    pub examined: u32,
    /// The number of resumed orders that are now confirmed.
    pub confirmed: u32,
    /// The number of resumed orders that are now cancelled.
    pub cancelled: u32,
    /// The number of resumed orders that are still pending.
    pub pending: u32,
}

/// Runs one pass of recovery. It resumes pending orders without a driver, starting with the order whose lease expired first.
pub fn recover(app: &App, context: &Context) -> Result<Recovered, Error> {
    let begun = Instant::now();
    let mut recovered = Recovered::default();
    for order_id in rows::without_driver(&*app.db, app.now(), MAX_ORDERS_PER_PASS)? {
        if begun.elapsed() > RECOVERY_BUDGET {
            break;
        }
        let Some(mut order) = find_readable(app, context, order_id)? else {
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
    for order_id in carts::orders_to_clear(&*app.db, MAX_ORDERS_PER_PASS)? {
        if begun.elapsed() > RECOVERY_BUDGET {
            break;
        }
        let Some(mut order) = find_readable(app, context, order_id)? else {
            continue;
        };
        if let Err(error) = clear_cart(app, context, &mut order) {
            let fields = json!({"order_id": order_id, "cause": error.to_string()});
            log::warn(
                context,
                "cannot remove the ordered items from the cart; recovery will retry",
                fields,
            );
        }
    }
    Ok(recovered)
}

/// Drives `order` and returns its status. If the order is at a step that this release does not have, logs an error and returns
/// `pending`. This case is not an error of the pass, because such an order must not delay the other orders. The order's new lease
/// makes the next passes of recovery skip it.
fn drive(app: &App, context: &Context, order: Order) -> Result<Status, Error> {
    match driver::drive(app, context, order, false) {
        Ok(order) => Ok(order.status),
        Err(Error::LeaseLost(_)) => Ok(Status::Pending),
        Err(error @ Error::UnknownStep { .. }) => {
            let fields = json!({"cause": error.to_string()});
            log::error(context, "cannot continue the order", fields);
            Ok(Status::Pending)
        }
        Err(error) => Err(error),
    }
}

/// Reads the order. If one of its columns has an unexpected value, logs an error and returns `None`.
fn find_readable(app: &App, context: &Context, order_id: Uuid) -> Result<Option<Order>, Error> {
    match rows::find(&*app.db, order_id) {
        Err(error @ SqlError::UnexpectedValue { .. }) => {
            let fields = json!({"order_id": order_id, "cause": error.to_string()});
            log::error(context, "cannot read the order", fields);
            Ok(None)
        }
        other => Ok(other?),
    }
}
