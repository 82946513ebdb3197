//! Submitting an order: one order for each `Idempotency-Key` of a customer, for any number of repeats.

use std::time::{Duration, Instant};

use stoa_service::Context;

use crate::app::App;
use crate::domain::{Order, Status};
use crate::draft::Submission;
use crate::error::Error;
use crate::pricing::price;
use crate::saga::{cart, driver, lease};
use crate::store::{self, carts, rows};

/// The most reads of a cart that other requests order at the same time.
const CART_READS: usize = 3;
/// How long a repeat waits for the request that drives its order.
const REPEAT_WAIT: Duration = Duration::from_secs(5);
/// The pause between two reads of that order: it doubles each time, from the first value up to the second.
const POLL_PAUSE: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(80)];

/// Makes the order of the key, or resumes the existing one; returns it once it is confirmed.
///
/// Two requests with one key may both try to make an order. The key is unique, so one of them succeeds, and the other
/// waits for it.
pub fn submit(app: &App, context: &Context, submission: &Submission<'_>) -> Result<Order, Error> {
    if let Some(order) = earlier(app, context, submission)? {
        return confirmed(order);
    }
    match place(app, context, submission) {
        Ok(order) => confirmed(driver::drive(app, context, order, true)?),
        // This error may be the effect of a faster repeat, which has emptied the cart, for example.
        Err(error) => match earlier(app, context, submission)? {
            Some(order) => confirmed(order),
            None => Err(error),
        },
    }
}

/// The existing order of the key, driven as far as possible now.
fn earlier(
    app: &App,
    context: &Context,
    submission: &Submission<'_>,
) -> Result<Option<Order>, Error> {
    let begun = Instant::now();
    let [mut pause, longest] = POLL_PAUSE;
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
        std::thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
}

/// Makes a new order.
fn place(app: &App, context: &Context, submission: &Submission<'_>) -> Result<Order, Error> {
    let from_cart = submission.draft.lines.is_none();
    for _ in 0..CART_READS {
        if from_cart {
            free_cart(app, context, submission)?;
        }
        let order = price(app, context, submission)?;
        match store::create(&*app.db, &order) {
            // Another order was made from the cart after it was read.
            Err(Error::CartInOrder(_)) => {}
            created => return created.map(|()| order),
        }
    }
    Err(Error::CartInOrder(None))
}

/// Makes sure that no earlier order claims the customer's cart. For a confirmed one, its items are removed from the cart first.
fn free_cart(app: &App, context: &Context, submission: &Submission<'_>) -> Result<(), Error> {
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

/// The result of a submission, for every status of its order: the same for the first request and for a late repeat. A rejection stays
/// one even while the order is still being undone.
fn confirmed(order: Order) -> Result<Order, Error> {
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
