//! Sends an order until the order has a result or the buyer gives up.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::attempt::{AttemptResult, send_order};
use super::placed::{OrderResult, PlacedOrder};
use crate::account::Account;
use crate::check::Basket;
use crate::interrupted::Interrupted;
use crate::orders::Outcome;
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::Order;

/// Pause before the first repeat of an order. The pause doubles before each further repeat.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause before a repeat of an order.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Orders the items of the cart. Sends the order again with the same `Idempotency-Key` until the order has a result.
pub(super) async fn place_order<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    basket: &Basket,
) -> Result<PlacedOrder, Interrupted> {
    let key = Uuid::now_v7();
    let card = if session.rng.bool() {
        "tok_visa"
    } else {
        "tok_mastercard"
    };
    let request = order_request(account, key, card);
    let world = Arc::clone(&session.world);
    let number = world.book.add(key, account.user_id);
    let until = Instant::now() + world.plan.give_up;
    let mut next_pause = FIRST_PAUSE;
    // If an earlier attempt may have created an order, a later rejection does not prove that no order exists.
    let mut may_exist = false;
    loop {
        world.book.update(number, |order| order.attempts += 1);
        let (order_id, retry_after) = match send_order(session, account, &request, basket).await {
            AttemptResult::Confirmed(order) => {
                world
                    .book
                    .update(number, |record| record.set_confirmed(&order));
                account.orders.insert(order.order_id);
                account.cart_may_hold_items = false;
                return Ok(PlacedOrder {
                    request,
                    result: OrderResult::Confirmed(order),
                });
            }
            AttemptResult::Refused(refusal) => {
                world
                    .book
                    .update(number, |record| record.set_refused(&refusal));
                account.orders.extend(refusal.order_id);
                return Ok(PlacedOrder {
                    request,
                    result: OrderResult::Refused(refusal),
                });
            }
            AttemptResult::Wrong(order) => {
                world
                    .book
                    .update(number, |record| record.set_confirmed(&order));
                account.uncertain = true;
                return Err(Interrupted::Failed);
            }
            AttemptResult::Rejected => {
                if !may_exist {
                    world
                        .book
                        .update(number, |record| record.outcome = Outcome::Refused);
                }
                return Err(Interrupted::Failed);
            }
            AttemptResult::Unreadable => {
                account.uncertain = true;
                return Err(Interrupted::Failed);
            }
            AttemptResult::Undecided {
                order_id,
                retry_after,
            } => (order_id, retry_after),
        };
        may_exist = true;
        // The shop may resume the order later, and then empty the cart, perhaps while the customer fills the cart for another
        // order.
        account.uncertain = true;
        if let Some(order_id) = order_id {
            world
                .book
                .update(number, |record| record.set_order_id(order_id));
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

fn order_request(account: &Account, key: Uuid, card: &str) -> ShopRequest {
    ShopRequest::new(Method::POST, "/order")
        .bearer(&account.token)
        .idempotency_key(key)
        .json(json!({
            "shipping_address": {"name": "Ann Example", "street": "1 Main Street", "city": "Utrecht",
                "postal_code": "3511 AA", "country": "NL"},
            "payment": {"method": "card", "card_token": card},
        }))
}

/// Gives up the order. If any response contained an order id, reads this order and records its status. A status `cancelled` is
/// recorded only if the response to the last attempt contained the id. The reason is that a cancellation can free the idempotency
/// key, so an attempt after the cancellation may have created another order.
async fn give_up<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    number: usize,
    last_named: Option<Uuid>,
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
            .update(number, |record| match order.status.as_str() {
                "confirmed" => record.set_confirmed(&order),
                "cancelled" if last_named == Some(order_id) => record.outcome = Outcome::Cancelled,
                _ => {}
            });
    }
}
