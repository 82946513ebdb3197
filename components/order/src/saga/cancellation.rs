//! Cancels an order at any step, for its customer or an operator.

use stoa_service::Context;
use stoa_service::sql::SqlError;

use super::steps::STEPS;
use super::{driver, lease, transition};
use crate::app::App;
use crate::domain::{Order, Reason, Status};
use crate::error::Error;
use crate::store::{self, Guard};

/// Cancels `order`; `by` is the reason. A cancelled order stays as it is.
///
/// Errors: [`Error::InProgress`] while another driver has it, [`Error::HandedOver`], and [`Error::CancellationPending`] if not
/// everything could be undone yet.
pub fn cancel(app: &App, context: &Context, order: Order, by: Reason) -> Result<Order, Error> {
    if order.status == Status::Cancelled {
        return confirm(app, order, by);
    }
    let order = call_off(app, order, by)?;
    let order = driver::drive(app, context, order, false)?;
    match order.status {
        Status::Cancelled => Ok(order),
        Status::Confirmed => Err(Error::HandedOver(order.order_id)),
        Status::Pending => Err(Error::CancellationPending(order.order_id)),
    }
}

/// Turns the order around under a new lease. An order whose lease is held, or that was written after it was read, is in progress.
fn call_off(app: &App, mut order: Order, by: Reason) -> Result<Order, Error> {
    let now = app.now();
    let line = order.last_line();
    let position = driver::position(&order)?;
    let transition = transition::cancel(&STEPS, &mut order, position, by, now);
    let event = driver::event(&order, transition);
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

/// Returns the freed key to a cancelled order: the customer wants no order any more, so the key must not make another one. If the key
/// has already made another order, that order keeps it.
fn confirm(app: &App, order: Order, by: Reason) -> Result<Order, Error> {
    let mut confirmed = order.clone();
    transition::confirm_cancellation(&mut confirmed, by);
    if confirmed.idempotency_key == order.idempotency_key {
        return Ok(order);
    }
    let (guard, lines) = (Guard::Free(app.now()), confirmed.timeline.len());
    match store::save(&*app.db, &mut confirmed, guard, lines, None) {
        Ok(true) => Ok(confirmed),
        Ok(false) => Err(Error::Changed),
        Err(SqlError::Duplicate(_)) => Ok(order),
        Err(error) => Err(error.into()),
    }
}
