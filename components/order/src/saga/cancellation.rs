//! Cancels an order at any step, at the request of its customer or an operator.

use stoa_service::Context;
use stoa_service::sql::SqlError;

use super::steps::STEPS;
use super::{driver, lease, transition};
use crate::app::App;
use crate::domain::{Order, Reason, Status};
use crate::error::Error;
use crate::store::{self, Guard};

/// Cancels `order`. `reason` states whether the customer or an operator cancels it. An order that is already cancelled stays
/// cancelled.
///
/// Errors:
/// - [`Error::InProgress`] while another driver works on the order.
/// - [`Error::HandedOver`] if the carrier already has the parcel.
/// - [`Error::CancellationPending`] if the cancellation began but some compensations are not done yet.
pub fn cancel(app: &App, context: &Context, order: Order, reason: Reason) -> Result<Order, Error> {
    if order.status == Status::Cancelled {
        return restore_key(app, order, reason);
    }
    let order = begin_cancellation(app, order, reason)?;
    let order = driver::drive(app, context, order, false)?;
    match order.status {
        Status::Cancelled => Ok(order),
        Status::Confirmed => Err(Error::HandedOver(order.order_id)),
        Status::Pending => Err(Error::CancellationPending(order.order_id)),
    }
}

/// Stores that the order is now being compensated, and takes a new lease. Error: [`Error::InProgress`] if another driver holds the
/// lease, or wrote the order after this request had read it.
fn begin_cancellation(app: &App, mut order: Order, reason: Reason) -> Result<Order, Error> {
    let now = app.now();
    let line = order.last_entry_index();
    let position = driver::position(&order)?;
    let transition = transition::cancel(&STEPS, &mut order, position, reason, now);
    let event = driver::final_event(&order, transition);
    if order.status == Status::Pending {
        order.begin(order.step.clone(), now);
        order.lease = lease::new(app);
    }
    let guard = Guard::Free(now);
    if !store::save(&*app.db, &mut order, guard, line, event.as_ref())? {
        return Err(Error::InProgress(order.order_id));
    }
    Ok(order)
}

/// Gives the freed idempotency key back to a cancelled order. The customer no longer wants an order, so a repeat with the key must
/// not make another order. If the key already belongs to another order, nothing changes.
fn restore_key(app: &App, order: Order, reason: Reason) -> Result<Order, Error> {
    let mut cancelled = order.clone();
    transition::turn_failure_into_cancellation(&mut cancelled, reason);
    if cancelled.idempotency_key == order.idempotency_key {
        return Ok(order);
    }
    let (guard, lines) = (Guard::Free(app.now()), cancelled.timeline.len());
    match store::save(&*app.db, &mut cancelled, guard, lines, None) {
        Ok(true) => Ok(cancelled),
        Ok(false) => Err(Error::Changed),
        Err(SqlError::Duplicate(_)) => Ok(order),
        Err(error) => Err(error.into()),
    }
}
