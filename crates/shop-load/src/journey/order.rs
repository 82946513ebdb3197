//! An order, sent until it has a result or its buyer gives up.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::attempt::{Attempt, attempt};
use super::placed::{Placed, PlacedResult};
use crate::account::Account;
use crate::check::Basket;
use crate::interrupted::Interrupted;
use crate::orders::Outcome;
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::Order;

/// The first pause before an order is repeated; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause before an order is repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Orders the cart. An order without a result is repeated with the same key.
pub(super) async fn place<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    basket: &Basket,
) -> Result<Placed, Interrupted> {
    let key = Uuid::now_v7();
    let card = if session.rng.bool() {
        "tok_visa"
    } else {
        "tok_mastercard"
    };
    let request = request(account, key, card);
    let world = Arc::clone(&session.world);
    let number = world.book.begin(key, account.user_id);
    let until = Instant::now() + world.plan.give_up;
    let mut next_pause = FIRST_PAUSE;
    // After an attempt that may have created an order, a later rejection does not prove that there is none.
    let mut may_exist = false;
    loop {
        world.book.change(number, |order| order.attempts += 1);
        let (order_id, retry_after) = match attempt(session, account, &request, basket).await {
            Attempt::Confirmed(order) => {
                world.book.change(number, |record| record.confirmed(&order));
                account.orders.insert(order.order_id);
                account.dirty = false;
                return Ok(Placed {
                    request,
                    result: PlacedResult::Confirmed(order),
                });
            }
            Attempt::Refused(refusal) => {
                world.book.change(number, |record| record.refused(&refusal));
                account.orders.extend(refusal.order_id);
                return Ok(Placed {
                    request,
                    result: PlacedResult::Refused(refusal),
                });
            }
            Attempt::Wrong(order) => {
                world.book.change(number, |record| record.confirmed(&order));
                account.uncertain = true;
                return Err(Interrupted::Failed);
            }
            Attempt::Rejected => {
                if !may_exist {
                    world
                        .book
                        .change(number, |record| record.outcome = Outcome::Refused);
                }
                return Err(Interrupted::Failed);
            }
            Attempt::Garbled => {
                account.uncertain = true;
                return Err(Interrupted::Failed);
            }
            Attempt::Undecided {
                order_id,
                retry_after,
            } => (order_id, retry_after),
        };
        may_exist = true;
        // The shop may resume the order, and empty the cart while the customer fills it for the next one.
        account.uncertain = true;
        if let Some(order_id) = order_id {
            world.book.change(number, |record| record.named(order_id));
        }
        let pause = retry_after.unwrap_or_default();
        let pause = pause.max(next_pause).min(LONGEST_PAUSE);
        if Instant::now() + pause >= until {
            give_up(session, account, number, order_id).await;
            return Err(Interrupted::Failed);
        }
        next_pause = (next_pause * 2).min(LONGEST_PAUSE);
        session.pause_regardless(pause).await;
    }
}

fn request(account: &Account, key: Uuid, card: &str) -> ShopRequest {
    ShopRequest::new(Method::POST, "/order")
        .bearer(&account.token)
        .idempotency_key(key)
        .json(json!({
            "shipping_address": {"name": "Ann Example", "street": "1 Main Street", "city": "Utrecht",
                "postal_code": "3511 AA", "country": "NL"},
            "payment": {"method": "card", "card_token": card},
        }))
}

/// Gives up, and reads the order's status if an answer named it. A cancelled status counts only if the last attempt named the order:
/// a cancellation frees the key, and a later attempt may have created another order.
async fn give_up<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    number: usize,
    last: Option<Uuid>,
) {
    let world = Arc::clone(&session.world);
    let named = world
        .book
        .lock()
        .get(number)
        .and_then(|record| record.order_id);
    let Some(order_id) = named else {
        return;
    };
    let request = ShopRequest::get(format!("/order/{order_id}")).bearer(&account.token);
    let read = session
        .require(Step::ReadOrder, request, |answer| {
            answer.expect::<Order>(200)
        })
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
