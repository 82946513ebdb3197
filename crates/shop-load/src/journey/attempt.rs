//! One attempt to order.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::log_out::log_out_on_401;
use super::placed::refusal;
use crate::account::Account;
use crate::check::{self, Basket};
use crate::failure::{Failure, Refusal, Reply};
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::Order;

/// The result of one attempt.
pub(super) enum Attempt {
    Confirmed(Order),
    Refused(Refusal),
    /// No reliable result: repeat after a pause.
    Undecided {
        order_id: Option<Uuid>,
        retry_after: Option<Duration>,
    },
    /// Confirmed, and the answer is wrong.
    Wrong(Order),
    /// An unexpected rejection: this attempt did not create an order.
    Rejected,
    /// Neither confirmed nor refused.
    Garbled,
}

/// Sends the order once.
pub(super) async fn attempt<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    request: &ShopRequest,
    basket: &Basket,
) -> Attempt {
    let world = Arc::clone(&session.world);
    let mut confirmed = None;
    let replied = session
        .send(Step::Order, request.clone(), |answer| {
            if let Some(refusal) = refusal(answer) {
                return Ok(Reply::Refused(refusal));
            }
            let order: Order = answer.expect(201)?;
            confirmed = Some(order.clone());
            check::order::confirmed(&order, basket, world.catalogue()).map_err(Failure::Wrong)?;
            Ok(Reply::Accepted(order))
        })
        .await;
    match log_out_on_401(account, replied) {
        Ok(Reply::Accepted(order)) => Attempt::Confirmed(order),
        Ok(Reply::Refused(refusal)) if refusal.code == "request_in_progress" => {
            Attempt::Undecided {
                order_id: refusal.order_id,
                retry_after: refusal.retry_after,
            }
        }
        Ok(Reply::Refused(refusal)) => Attempt::Refused(refusal),
        Err(Failure::NoAnswer(_)) => Attempt::Undecided {
            order_id: None,
            retry_after: None,
        },
        Err(Failure::Status {
            status: 429 | 500 | 502..=504,
            order_id,
            retry_after,
            ..
        }) => Attempt::Undecided {
            order_id,
            retry_after,
        },
        Err(Failure::Status { status, .. }) if status < 500 => Attempt::Rejected,
        Err(_) => confirmed.map_or(Attempt::Garbled, Attempt::Wrong),
    }
}
