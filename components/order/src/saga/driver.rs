//! The driver makes one call for each step of an order. Before the call it writes the intent. After the call it writes the outcome
//! and the next intent in one transaction.
//!
//! The driver holds the order's lease. Every write compares the lease's owner and the order's version. If another driver took over
//! the order, the write changes nothing, and the earlier driver stops.

use serde_json::json;
use stoa_service::outbox::Event;
use stoa_service::{Context, log};

use super::cart::clear_cart;
use super::plan::Position;
use super::step::Saga;
use super::steps::STEPS;
use super::transition::{self, Attempt, Outcome, Transition};
use crate::app::App;
use crate::domain::{FailPoint, Moment, Order, Status};
use crate::error::Error;
use crate::store::{self, Guard};
use crate::view;

/// Drives a pending order under the lease in `order.lease`, until the order ends or must wait. `first_attempt` is true if the
/// current step was never attempted before.
///
/// Errors: [`Error::LeaseLost`], [`Error::UnknownStep`] and [`Error::Unwritten`]. After an error, recovery resumes the order later.
pub fn drive(
    app: &App,
    context: &Context,
    mut order: Order,
    mut first_attempt: bool,
) -> Result<Order, Error> {
    let held = order.lease.clone();
    let saga = saga(app, context);
    while order.status == Status::Pending {
        // No call is made after the lease has expired, because another driver may then work on the order.
        if app.now() >= held.until {
            return Err(Error::LeaseLost(order.order_id));
        }
        let position = position(&order)?;
        let at = |moment| FailPoint {
            step: order.step.clone(),
            moment,
        };
        (app.on_fail_point)(&at(Moment::Before));
        let outcome = call_step(&saga, &order, position, first_attempt);
        (app.on_fail_point)(&at(Moment::After));
        log_cause(context, &order, &outcome);

        let line = order.last_entry_index();
        let attempt = Attempt {
            first_attempt,
            now: app.now(),
            lease: app.config.lease(),
        };
        let transition = transition::apply(&STEPS, &mut order, position, outcome, attempt);
        let event = final_event(&order, transition);
        let guard = Guard::Held(&held.owner);
        let order_id = order.order_id;
        let written = store::save(&*app.db, &mut order, guard, line, event.as_ref());
        if !written.map_err(|source| Error::Unwritten { order_id, source })? {
            return Err(Error::LeaseLost(order_id));
        }
        if transition == Transition::Wait {
            break;
        }
        if event.is_some() {
            app.outbox_dirty.set(true);
            after_end(app, context, &mut order);
        }
        first_attempt = true;
    }
    Ok(order)
}

/// Returns the position of an order in [`STEPS`]. Do not call this function for a cancelled order. Error: [`Error::UnknownStep`].
pub fn position(order: &Order) -> Result<Position, Error> {
    STEPS.position(order).ok_or_else(|| Error::UnknownStep {
        order_id: order.order_id,
        step: order.step.to_string(),
    })
}

/// Returns the event that reports the order's new final status. `None` if the order has not ended, or if this event was sent
/// before.
pub fn final_event(order: &Order, transition: Transition) -> Option<Event> {
    match transition {
        Transition::End { event: Some(kind) } => Some(Event {
            kind,
            subject: order.order_id.to_string(),
            data: view::event_data(order),
        }),
        _ => None,
    }
}

fn saga<'a>(app: &'a App, context: &'a Context) -> Saga<'a> {
    Saga {
        clients: app.clients(context),
        clock: &*app.clock,
        hold_seconds: app.config.hold_seconds(),
        max_pending: app.config.max_pending(),
    }
}

/// Makes the call of the order's current step or compensation. Makes no call if an obstacle prevents the retry of a step.
fn call_step(saga: &Saga<'_>, order: &Order, position: Position, first_attempt: bool) -> Outcome {
    match position {
        Position::Step(_, step) => {
            if !first_attempt && let Some(obstacle) = step.obstacle_to_retry(saga, order) {
                return Outcome::Obstructed(obstacle);
            }
            step.call(saga, order)
                .map_or_else(Outcome::Failed, Outcome::Done)
        }
        Position::Compensation(_, compensation) => compensation
            .call(saga, order)
            .map_or_else(Outcome::Failed, Outcome::Compensated),
        // This never happens: only a confirmed order is at the end of its plan, and the driver handles only pending orders.
        Position::End => Outcome::Obstructed(super::step::Obstacle::NotYet(String::new())),
    }
}

fn log_cause(context: &Context, order: &Order, outcome: &Outcome) {
    if let Some(cause) = outcome.cause() {
        let fields = json!({"order_id": order.order_id, "step": order.step, "cause": cause});
        log::warn(context, "a step of the order was not completed", fields);
    }
}

fn after_end(app: &App, context: &Context, order: &mut Order) {
    let reason = order.failure.as_ref().map(|failure| failure.reason);
    log::info(
        context,
        "the order ended",
        json!({"order_id": order.order_id, "status": order.status, "reason": reason}),
    );
    if order.status == Status::Confirmed
        && let Err(error) = clear_cart(app, context, order)
    {
        // The order stays confirmed although its items are still in the cart. It keeps its claim on the cart, and recovery tries to
        // remove the items again.
        let fields = json!({"order_id": order.order_id, "cause": error.to_string()});
        log::warn(
            context,
            "cannot remove the ordered items from the cart; recovery will retry",
            fields,
        );
    }
}
