//! Submits orders. A customer's submission and all repeats with the same `Idempotency-Key` make at most one order at a time. A repeat
//! makes a new order only after the first order was cancelled because a service was unavailable, or because the outcome of the charge
//! stayed unknown.

use std::time::{Duration, Instant};

use stoa_service::Context;

use crate::app::App;
use crate::domain::{Order, Status};
use crate::draft::Submission;
use crate::error::Error;
use crate::pricing::price;
use crate::saga::{cart, driver, lease};
use crate::store::{self, carts, rows};

/// The maximum number of times that a submission reads the customer's cart. It reads the cart again if another order claimed the
/// cart after this submission had read it.
const MAX_CART_READS: usize = 3;
/// The maximum time that a repeated submission waits for the driver of its order.
const REPEAT_WAIT: Duration = Duration::from_secs(5);
/// The shortest and the longest wait between two reads of a pending order. The wait doubles after each read until it is the
/// longest.
const POLL_INTERVALS: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(80)];

/// Makes the order for the submission's idempotency key. If that key already has an order, resumes that order. Returns the order
/// once it is confirmed.
///
/// Two requests with the same key may both try to make an order. The key is unique in the database, so only one request makes the
/// order, and the other request waits for that order.
pub fn submit(app: &App, context: &Context, submission: &Submission<'_>) -> Result<Order, Error> {
    if let Some(order) = existing_order(app, context, submission)? {
        return confirmed_or_error(order);
    }
    match create_order(app, context, submission) {
        Ok(order) => confirmed_or_error(driver::drive(app, context, order, true)?),
        // A concurrent repeat of this request may have caused this error. For example, the order that the repeat made may have
        // emptied the cart.
        Err(error) => match existing_order(app, context, submission)? {
            Some(order) => confirmed_or_error(order),
            None => Err(error),
        },
    }
}

/// Returns the order that was already made for the submission's idempotency key; `None` if the key has no order. If the order is
/// pending and has no driver, this function drives it first. If the order is pending and has a driver, this function waits for the
/// driver up to [`REPEAT_WAIT`].
fn existing_order(
    app: &App,
    context: &Context,
    submission: &Submission<'_>,
) -> Result<Option<Order>, Error> {
    let begun = Instant::now();
    let [mut interval, longest] = POLL_INTERVALS;
    loop {
        let found = rows::by_key(&*app.db, submission.claims.sub, submission.key)?;
        let Some(mut order) = found else {
            return Ok(None);
        };
        if order.fingerprint != submission.fingerprint {
            return Err(Error::KeyReused);
        }
        if order.status != Status::Pending {
            return Ok(Some(order));
        }
        if order.lease.until <= app.now() && lease::take_over(app, &mut order)? {
            return driver::drive(app, context, order, false).map(Some);
        }
        if begun.elapsed() >= REPEAT_WAIT {
            return Err(Error::KeyInProgress);
        }
        std::thread::sleep(interval);
        interval = (interval * 2).min(longest);
    }
}

/// Makes and writes a new order for the submission.
fn create_order(app: &App, context: &Context, submission: &Submission<'_>) -> Result<Order, Error> {
    let from_cart = submission.draft.lines.is_none();
    for _ in 0..MAX_CART_READS {
        if from_cart {
            ensure_cart_is_free(app, context, submission)?;
        }
        let order = price(app, context, submission)?;
        match store::create(&*app.db, &order) {
            // Another order claimed the cart after this request had read it, so this request reads the cart again.
            Err(Error::CartInOrder(_)) => {}
            created => return created.map(|()| order),
        }
    }
    Err(Error::CartInOrder(None))
}

/// Checks that no earlier order claims the customer's cart. If a confirmed order still claims the cart, removes that order's items
/// from the cart, which ends the claim.
fn ensure_cart_is_free(
    app: &App,
    context: &Context,
    submission: &Submission<'_>,
) -> Result<(), Error> {
    match carts::claimed_by(&*app.db, submission.claims.sub)? {
        Some(order) if order.status == Status::Pending => {
            Err(Error::CartInOrder(Some(order.order_id)))
        }
        Some(mut order) if order.status == Status::Confirmed => {
            cart::clear_cart(app, context, &mut order)
        }
        _ => Ok(()),
    }
}

/// Returns the result of a submission, which depends on the status of its order. All requests with the same idempotency key get the
/// same result, even late repeats. A rejected submission gets its rejection even while the order's compensations are in progress.
fn confirmed_or_error(order: Order) -> Result<Order, Error> {
    match (order.status, &order.failure) {
        (Status::Confirmed, _) => Ok(order),
        (status, Some(failure)) => Err(Error::Failed {
            order_id: order.order_id,
            cancelled: status == Status::Cancelled,
            failure: failure.clone(),
        }),
        _ => Err(Error::ChargeUndecided(order.order_id)),
    }
}
