//! An order, seen through: sent until somebody says how it went, read back, and sent once more.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::buy::signed_in;
use crate::account::Account;
use crate::answer::{Answer, Failure, Refusal, Reply};
use crate::check::{self, Basket};
use crate::orders::Outcome;
use crate::session::{Ask, Gone, Session};
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::Order;

/// Between a request without an answer and its repeat: doubled each time, up to the second.
const WAIT: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];

/// An order that was answered.
pub(super) struct Placed {
    /// What was sent.
    ask: Ask,
    /// The order, if it is confirmed.
    pub(super) order: Option<Order>,
    /// The no, if it is not.
    refusal: Option<Refusal>,
}

/// What an attempt says.
enum Said {
    Yes(Order),
    No(Refusal),
    /// Nothing that can be relied on: ask again after a while.
    Again {
        order_id: Option<Uuid>,
        after: Option<Duration>,
    },
    /// Confirmed, and wrong.
    Wrong(Order),
    /// A no that nobody expects: no order was made by this attempt.
    Refused,
    /// Neither yes nor no.
    Garbled,
}

/// Orders the cart. Who hears nothing, or that it is not known yet, sends the same again with the same key.
pub(super) async fn place<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    basket: &Basket,
) -> Result<Placed, Gone> {
    let key = Uuid::now_v7();
    let card = if session.rng.bool() {
        "tok_visa"
    } else {
        "tok_mastercard"
    };
    let ask = Ask::new(Method::POST, "/order").by(account).key(key).json(json!({
        "shipping_address": {"name": "Ann Example", "street": "1 Main Street", "city": "Utrecht",
            "postal_code": "3511 AA", "country": "NL"},
        "payment": {"method": "card", "card_token": card},
    }));
    let world = Arc::clone(&session.world);
    let number = world.book.begin(key, account.user_id);
    let until = Instant::now() + world.plan.give_up;
    let [mut wait, longest] = WAIT;
    // After an attempt that may have made an order no other answer says that there is none.
    let mut open = false;
    loop {
        world.book.change(number, |order| order.attempts += 1);
        let said = attempt(session, account, &ask, basket).await;
        let (order_id, after) = match said {
            Said::Yes(order) => {
                world.book.change(number, |record| record.confirmed(&order));
                account.orders.insert(order.order_id);
                account.dirty = false;
                return Ok(Placed {
                    ask,
                    order: Some(order),
                    refusal: None,
                });
            }
            Said::No(refusal) => {
                world.book.change(number, |record| record.refused(&refusal));
                account.orders.extend(refusal.order_id);
                return Ok(Placed {
                    ask,
                    order: None,
                    refusal: Some(refusal),
                });
            }
            Said::Wrong(order) => {
                world.book.change(number, |record| record.confirmed(&order));
                account.doubtful = true;
                return Err(Gone::Failed);
            }
            Said::Refused => {
                if !open {
                    world
                        .book
                        .change(number, |record| record.outcome = Outcome::Refused);
                }
                return Err(Gone::Failed);
            }
            Said::Garbled => {
                account.doubtful = true;
                return Err(Gone::Failed);
            }
            Said::Again { order_id, after } => (order_id, after),
        };
        open = true;
        // Whoever carries on with the order may empty the cart while the next one is filled.
        account.doubtful = true;
        if let Some(order_id) = order_id {
            world.book.change(number, |record| record.named(order_id));
        }
        let pause = after.unwrap_or_default().max(wait).min(longest);
        if Instant::now() + pause >= until {
            settle(session, account, number, order_id).await;
            return Err(Gone::Failed);
        }
        wait = (wait * 2).min(longest);
        session.pause_regardless(pause).await;
    }
}

async fn attempt<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    ask: &Ask,
    basket: &Basket,
) -> Said {
    let world = Arc::clone(&session.world);
    let mut confirmed = None;
    let replied = session
        .ask(Step::Order, ask.clone(), |answer| {
            if let Some(refusal) = no(answer) {
                return Ok(Reply::No(refusal));
            }
            let order: Order = answer.expect(201)?;
            confirmed = Some(order.clone());
            check::confirmed(&order, basket, world.catalogue()).map_err(Failure::Wrong)?;
            Ok(Reply::Yes(order))
        })
        .await;
    match signed_in(account, replied) {
        Ok(Reply::Yes(order)) => Said::Yes(order),
        Ok(Reply::No(no)) if no.code == "request_in_progress" => Said::Again {
            order_id: no.order_id,
            after: no.retry_after,
        },
        Ok(Reply::No(no)) => Said::No(no),
        Err(Failure::NoAnswer(_)) => Said::Again {
            order_id: None,
            after: None,
        },
        Err(Failure::Status {
            status: 429 | 500 | 502..=504,
            order_id,
            retry_after: after,
            ..
        }) => Said::Again { order_id, after },
        Err(Failure::Status { status, .. }) if status < 500 => Said::Refused,
        Err(_) => confirmed.map_or(Said::Garbled, Said::Wrong),
    }
}

/// The noes that an order may meet.
fn no(answer: &Answer) -> Option<Refusal> {
    answer
        .refusal(402, &["payment_declined"])
        .or_else(|| answer.refusal(409, &["insufficient_stock", "request_in_progress"]))
}

/// The buyer gives up; the order itself, if its name is known, may say how it went. That it is cancelled says so only if the
/// last attempt named it: its key is free then, and a later attempt may have made another.
async fn settle<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    number: usize,
    last: Option<Uuid>,
) {
    let world = Arc::clone(&session.world);
    let known = world
        .book
        .lock()
        .get(number)
        .and_then(|record| record.order_id);
    let Some(order_id) = known else {
        return;
    };
    let ask = Ask::get(format!("/order/{order_id}")).by(account);
    let read = session
        .need(Step::ReadOrder, ask, |answer| answer.expect::<Order>(200))
        .await;
    if let Ok(order) = read {
        world
            .book
            .change(number, |record| match order.status.as_str() {
                "confirmed" => record.confirmed(&order),
                "cancelled" if last == Some(order_id) => record.outcome = Outcome::Cancelled,
                _ => {}
            });
    }
}

/// Reads the order, or what is left of one that was refused.
pub(super) async fn read_back<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    placed: &Placed,
) -> Result<(), Failure> {
    let refused = placed.refusal.as_ref().and_then(|no| no.order_id);
    let Some(order_id) = placed
        .order
        .as_ref()
        .map(|order| order.order_id)
        .or(refused)
    else {
        return Ok(());
    };
    let ask = Ask::get(format!("/order/{order_id}")).by(account);
    let read = session
        .need(Step::ReadOrder, ask, |answer| {
            let now: Order = answer.expect(200)?;
            match &placed.order {
                Some(order) => check::same(&now, order),
                None => check::refused(&now),
            }
            .map_err(Failure::Wrong)
        })
        .await;
    signed_in(account, read)
}

/// Sends the order again: the answer is the first one's.
pub(super) async fn again<T: Transport>(
    session: &mut Session<T>,
    placed: &Placed,
) -> Result<(), Failure> {
    session
        .ask(Step::RepeatOrder, placed.ask.clone(), |answer| {
            if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
                return answer.expect_empty(201).map(Reply::Yes);
            }
            match (&placed.order, &placed.refusal, no(answer)) {
                (Some(order), _, None) if answer.status == StatusCode::CREATED => {
                    let now: Order = answer.expect(201)?;
                    check::same(&now, order).map_err(Failure::Wrong)?;
                    Ok(Reply::Yes(()))
                }
                (None, Some(first), Some(now)) if first.is(&now) => Ok(Reply::No(now)),
                _ => Err(Failure::Wrong(format!(
                    "the repeat of an order is answered with {}, and not as the first time",
                    answer.status.as_u16()
                ))),
            }
        })
        .await
        .map(drop)
}
