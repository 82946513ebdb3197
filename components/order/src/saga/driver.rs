//! The driver makes one call per step. It writes the intent before the call, and the outcome after it, together with the next intent.
//!
//! The driver holds the order's lease. Every write compares the lease's owner and the order's version. If another driver took over,
//! the write fails, and this driver stops.

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

/// Drives a pending order under the lease `order.lease`, until it ends or must wait. `fresh`: its current step was not tried before.
///
/// Errors: [`Error::LeaseLost`], [`Error::UnknownStep`], [`Error::Unwritten`]. The order is left as it is, and recovery resumes it.
pub fn drive(
    app: &App,
    context: &Context,
    mut order: Order,
    mut fresh: bool,
) -> Result<Order, Error> {
    let held = order.lease.clone();
    let saga = saga(app, context);
    while order.status == Status::Pending {
        // The following call must end before another driver may take over the order.
        if app.now() >= held.until {
            return Err(Error::LeaseLost(order.order_id));
        }
        let position = position(&order)?;
        let at = |moment| FailPoint {
            step: order.step.clone(),
            moment,
        };
        (app.fail)(&at(Moment::Before));
        let outcome = attempt(&saga, &order, position, fresh);
        (app.fail)(&at(Moment::After));
        log_cause(context, &order, &outcome);

        let line = order.last_line();
        let attempt = Attempt {
            fresh,
            now: app.now(),
            lease: app.config.lease(),
        };
        let transition = transition::apply(&STEPS, &mut order, position, outcome, attempt);
        let event = event(&order, transition);
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
            ended(app, context, &mut order);
        }
        fresh = true;
    }
    Ok(order)
}

/// The position of the order, which is not cancelled.
pub fn position(order: &Order) -> Result<Position, Error> {
    STEPS.position(order).ok_or_else(|| Error::UnknownStep {
        order_id: order.order_id,
        step: order.step.to_string(),
    })
}

/// The event of an order that ended, if one must be sent.
pub fn event(order: &Order, transition: Transition) -> Option<Event> {
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

/// Makes the call of the order's current step.
fn attempt(saga: &Saga<'_>, order: &Order, position: Position, fresh: bool) -> Outcome {
    match position {
        Position::Step(_, step) => {
            if !fresh && let Some(obstacle) = step.reconsider(saga, order) {
                return Outcome::Obstructed(obstacle);
            }
            step.call(saga, order)
                .map_or_else(Outcome::Failed, Outcome::Done)
        }
        Position::Compensation(_, compensation) => compensation
            .call(saga, order)
            .map_or_else(Outcome::Failed, Outcome::Compensated),
        // A pending order is at a step or at a compensation.
        Position::End => Outcome::Obstructed(super::step::Obstacle::NotYet(String::new())),
    }
}

fn log_cause(context: &Context, order: &Order, outcome: &Outcome) {
    if let Some(cause) = outcome.cause() {
        let fields = json!({"order_id": order.order_id, "step": order.step, "cause": cause});
        log::warn(context, "a step of an order did not go through", fields);
    }
}

fn ended(app: &App, context: &Context, order: &mut Order) {
    let reason = order.failure.as_ref().map(|failure| failure.reason);
    log::info(
        context,
        "order ended",
        json!({"order_id": order.order_id, "status": order.status, "reason": reason}),
    );
    if order.status == Status::Confirmed
        && let Err(error) = clear_cart(app, context, order)
    {
        // A confirmed order does not fail for this: it keeps its claim on the cart, and recovery repeats the removal.
        let fields = json!({"order_id": order.order_id, "cause": error.to_string()});
        log::warn(context, "the cart still holds what was ordered", fields);
    }
}
