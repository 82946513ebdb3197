//! The driver: one call a step, its intent written before and its outcome after, together with the next intent.
//!
//! Whoever drives holds the order's lease. Every write compares the lease's owner and the order's version, so a driver
//! that was overtaken writes nothing any more, and stops.

use serde_json::json;
use stoa_service::outbox::Event;
use stoa_service::sql::SqlError;
use stoa_service::{Context, Problem, id, log};

use crate::domain::{Direction, Lease, Order, Reason, Shipment, Status, Step};
use crate::http::App;
use crate::peers::{Fail, Peers};
use crate::ports;
use crate::steps::{self, Outcome, Try, Turn};
use crate::store::{self, Guard};
use crate::view;

/// Where around a step's call something may happen: between the intent and the call, or between the call and its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The intent is written; the call was not made.
    Before,
    /// The call was made; its outcome is not written.
    After,
}

/// Why a driver stopped before it came to an end or a wait. The order is left as it is: recovery goes on.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Somebody else has the order, or might have it any moment.
    #[error("the lease is lost")]
    LeaseLost,
    /// The log cannot be written.
    #[error(transparent)]
    Database(#[from] SqlError),
}

/// How many orders one recovery pass takes up, and for how long it takes up further ones.
const BATCH: u32 = 20;
const PASS: std::time::Duration = std::time::Duration::from_secs(10);

/// A lease for a new driver.
pub fn lease(app: &App) -> Lease {
    Lease {
        owner: id::new().to_string(),
        until: app.now() + app.config.lease(),
    }
}

/// Takes up a pending order if nobody drives it: false if somebody does, or did since it was read.
pub fn take(app: &App, order: &mut Order) -> Result<bool, SqlError> {
    let now = app.now();
    order.lease = lease(app);
    let from = order.timeline.len().saturating_sub(1);
    order.begin(order.step, now);
    store::save(&*app.db, order, Guard::Free(now), from, None)
}

/// Drives a pending order whose lease `order.lease` is, until it ends or has to wait. `fresh` says that nobody has tried
/// its current step before.
pub fn drive(
    app: &App,
    context: &Context,
    mut order: Order,
    mut fresh: bool,
) -> Result<Order, Stop> {
    let held = order.lease.clone();
    let peers = app.peers(context);
    while order.status == Status::Pending {
        // The call that follows must be over before anybody may take the order.
        if app.now() >= held.until {
            return Err(Stop::LeaseLost);
        }
        let step = order.step;
        (app.fail)(step, Side::Before);
        let outcome = attempt(app, &peers, &order, fresh);
        (app.fail)(step, Side::After);
        note(context, &order, &outcome);

        let how = Try {
            fresh,
            now: app.now(),
            lease: app.config.lease(),
        };
        let from = order.timeline.len().saturating_sub(1);
        let turn = steps::apply(&mut order, outcome, how);
        let event = match turn {
            Turn::End { event: Some(kind) } => Some(Event {
                kind,
                subject: order.order_id.to_string(),
                data: view::event_data(&order),
            }),
            _ => None,
        };
        let guard = Guard::Held(&held.owner);
        if !store::save(&*app.db, &mut order, guard, from, event.as_ref())? {
            return Err(Stop::LeaseLost);
        }
        if turn == Turn::Wait {
            break;
        }
        if event.is_some() {
            app.news.set(true);
            ended(app, context, &mut order);
        }
        fresh = true;
    }
    Ok(order)
}

/// Makes the call of the order's current step.
fn attempt(app: &App, peers: &Peers<'_>, order: &Order, fresh: bool) -> Outcome {
    if order.direction == Direction::Forward
        && !fresh
        && let Some(outcome) = reconsider(app, peers, order)
    {
        return outcome;
    }
    let done = |result: Result<(), Fail>| result.map_or_else(Outcome::from, |()| Outcome::Done);
    match order.step {
        Step::Reserving => done(peers.reserve(order)),
        Step::Extending => done(peers.extend(order, app.config.hold_seconds())),
        Step::Charging => peers
            .charge(order)
            .map_or_else(Outcome::from, Outcome::Paid),
        Step::Committing => done(peers.commit(order)),
        Step::Shipping => peers
            .ship(order)
            .map_or_else(Outcome::from, Outcome::Shipped),
        Step::CancellingShipment => {
            cancel_shipment(app, peers, order).unwrap_or_else(Outcome::from)
        }
        Step::Refunding => refund(app, peers, order).unwrap_or_else(Outcome::from),
        Step::Releasing => done(peers.release(order)),
        Step::Done => Outcome::NotYet("a pending order that is done".to_owned()),
    }
}

/// An order that is taken up again before its charge is known may have become too old, or have lost its stock.
fn reconsider(app: &App, peers: &Peers<'_>, order: &Order) -> Option<Outcome> {
    if !matches!(
        order.step,
        Step::Reserving | Step::Extending | Step::Charging
    ) {
        return None;
    }
    let age = app.now().saturating_sub(order.created_at);
    if age > i64::from(app.config.max_pending_seconds) * 1000 {
        return Some(Outcome::Overdue);
    }
    if order.step != Step::Charging {
        return None;
    }
    match peers.extend(order, app.config.hold_seconds()) {
        Ok(()) => None,
        Err(Fail::Refused(refusal)) => Some(Outcome::StockLost(refusal)),
        Err(Fail::NotDone(cause) | Fail::TurnedAway(cause) | Fail::Unknown { cause, .. }) => {
            Some(Outcome::NotYet(cause))
        }
    }
}

/// What was sent may still arrive: that nothing is there proves nothing yet.
fn nothing_there(app: &App, order: &Order) -> Outcome {
    if app.now() < order.doubt_until {
        Outcome::NotYet("a request whose answer was lost may still arrive".to_owned())
    } else {
        Outcome::Done
    }
}

fn cancel_shipment(app: &App, peers: &Peers<'_>, order: &Order) -> Result<Outcome, Fail> {
    let known = match &order.shipment {
        Some(shipment) => Some(shipment.clone()),
        None => peers.shipment_of(order.order_id)?,
    };
    let Some(shipment) = known else {
        return Ok(nothing_there(app, order));
    };
    let by_operator = matches!(&order.failure, Some(failure) if failure.reason == Reason::Operator);
    match peers.cancel_shipment(order, shipment.shipment_id) {
        Ok(cancelled) => Ok(Outcome::Shipped(cancelled)),
        // The goods are back, and a person has decided that the money goes back too.
        Err(Fail::Refused(refusal))
            if by_operator
                && refusal.members.get("shipment_status") == Some(&json!("returned")) =>
        {
            Ok(Outcome::Shipped(Shipment {
                status: "returned".to_owned(),
                ..shipment
            }))
        }
        Err(Fail::Refused(refusal)) if refusal.code == "handed_over" => {
            Ok(Outcome::HandedOver(shipment))
        }
        Err(fail) => Err(fail),
    }
}

fn refund(app: &App, peers: &Peers<'_>, order: &Order) -> Result<Outcome, Fail> {
    let known = match &order.payment {
        Some(payment) => Some(payment.clone()),
        None => peers.payment_of(order.order_id)?,
    };
    let Some(payment) = known else {
        return Ok(nothing_there(app, order));
    };
    // Declined, refunded and voided are final.
    if matches!(payment.status.as_str(), "declined" | "refunded" | "voided") {
        return Ok(Outcome::Paid(payment));
    }
    match peers.refund(order, payment.payment_id) {
        Ok(refunded) if matches!(refunded.status.as_str(), "refunded" | "voided") => {
            Ok(Outcome::Paid(refunded))
        }
        Ok(other) => Ok(Outcome::NotYet(format!("the payment is {}", other.status))),
        // It turned out to be declined, if payment says so too: a sidecar may have injected this answer.
        Err(Fail::Refused(refusal)) if refusal.code == "payment_declined" => {
            match peers.payment_of(order.order_id)? {
                Some(payment) if payment.status == "declined" => Ok(Outcome::Paid(payment)),
                _ => Ok(Outcome::NotYet(refusal.detail)),
            }
        }
        Err(fail) => Err(fail),
    }
}

fn note(context: &Context, order: &Order, outcome: &Outcome) {
    if let Some(cause) = outcome.cause() {
        let fields = json!({"order_id": order.order_id, "step": order.step.word(), "cause": cause});
        log::warn(context, "a step of an order did not go through", fields);
    }
}

fn ended(app: &App, context: &Context, order: &mut Order) {
    let reason = order.failure.as_ref().map(|f| f.reason.word());
    log::info(
        context,
        "order ended",
        json!({"order_id": order.order_id, "status": order.status.word(), "reason": reason}),
    );
    if order.status == Status::Confirmed
        && let Err(problem) = clear_cart(app, context, order)
    {
        // Not worth failing a confirmed order for: it keeps its claim on the cart, and recovery repeats this.
        log::warn(
            context,
            "the cart still holds what was ordered",
            json!({"order_id": order.order_id, "cause": format!("{problem:?}")}),
        );
    }
}

/// Takes what was ordered out of the cart and ends the order's claim on it. Errors: 503.
pub fn clear_cart(app: &App, context: &Context, order: &mut Order) -> Result<(), Problem> {
    let Some(version) = order.cart_version.filter(|_| order.clear_cart) else {
        return Ok(());
    };
    let url = &app.config.cart_url;
    let now = ports::take_ordered(&*app.outbound, context, url, order, version)?;
    store::cart_cleared(&*app.db, order.order_id, now)?;
    order.clear_cart = false;
    Ok(())
}

/// What a recovery pass found and made of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Recovered {
    /// Orders taken up.
    pub examined: u32,
    /// Of these, confirmed now.
    pub confirmed: u32,
    /// Of these, cancelled now.
    pub cancelled: u32,
    /// Of these, to be taken up again.
    pub pending: u32,
}

/// Takes up pending orders that nobody drives, and drives them.
pub fn recover(app: &App, context: &Context) -> Result<Recovered, SqlError> {
    let begun = std::time::Instant::now();
    let mut recovered = Recovered::default();
    for order_id in store::due(&*app.db, app.now(), BATCH)? {
        if begun.elapsed() > PASS {
            break;
        }
        let Some(mut order) = store::find(&*app.db, order_id)? else {
            continue;
        };
        if order.status != Status::Pending || !take(app, &mut order)? {
            continue;
        }
        recovered.examined += 1;
        let status = match drive(app, context, order, false) {
            Ok(order) => order.status,
            Err(Stop::LeaseLost) => Status::Pending,
            Err(Stop::Database(error)) => return Err(error),
        };
        match status {
            Status::Confirmed => recovered.confirmed += 1,
            Status::Cancelled => recovered.cancelled += 1,
            Status::Pending => recovered.pending += 1,
        }
    }
    for order_id in store::carts_to_clear(&*app.db, BATCH)? {
        if begun.elapsed() > PASS {
            break;
        }
        let Some(mut order) = store::find(&*app.db, order_id)? else {
            continue;
        };
        if let Err(problem) = clear_cart(app, context, &mut order) {
            let fields = json!({"order_id": order_id, "cause": format!("{problem:?}")});
            log::warn(context, "the cart still holds what was ordered", fields);
        }
    }
    Ok(recovered)
}
