//! One attempt to place an order.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::log_out::log_out_on_401;
use super::placed::expected_refusal;
use crate::account::Account;
use crate::check::{self, Basket};
use crate::failure::{Failure, Refusal, Reply};
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::Order;

/// The result of one attempt to place an order.
pub(super) enum AttemptResult {
    Confirmed(Order),
    Refused(Refusal),
    /// The response shows no final result, so the order must be sent again after a pause.
    Undecided {
        order_id: Option<Uuid>,
        retry_after: Option<Duration>,
    },
    /// The order is confirmed, but the content of the response is wrong.
    Wrong(Order),
    /// An unexpected rejection. This attempt has not created an order.
    Rejected,
    /// The response is unreadable, so it is not clear whether the shop confirmed the order.
    Unreadable,
}

/// Sends the order one time, and classifies the response.
pub(super) async fn send_order<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    request: &ShopRequest,
    basket: &Basket,
) -> AttemptResult {
    let world = Arc::clone(&session.world);
    let mut confirmed = None;
    let replied = session
        .send(Step::Order, request.clone(), |answer| {
            if let Some(refusal) = expected_refusal(answer) {
                return Ok(Reply::Refused(refusal));
            }
            let order: Order = answer.expect(201)?;
            confirmed = Some(order.clone());
            check::order::confirmed(&order, basket, world.catalogue()).map_err(Failure::Wrong)?;
            Ok(Reply::Accepted(order))
        })
        .await;
    match log_out_on_401(account, replied) {
        Ok(Reply::Accepted(order)) => AttemptResult::Confirmed(order),
        Ok(Reply::Refused(refusal)) if refusal.code == "request_in_progress" => {
            AttemptResult::Undecided {
                order_id: refusal.order_id,
                retry_after: refusal.retry_after,
            }
        }
        Ok(Reply::Refused(refusal)) => AttemptResult::Refused(refusal),
        Err(Failure::NoAnswer(_)) => AttemptResult::Undecided {
            order_id: None,
            retry_after: None,
        },
        Err(Failure::Status {
            status: 429 | 500 | 502..=504,
            order_id,
            retry_after,
            ..
        }) => AttemptResult::Undecided {
            order_id,
            retry_after,
        },
        Err(Failure::Status { status, .. }) if status < 500 => AttemptResult::Rejected,
        Err(_) => confirmed.map_or(AttemptResult::Unreadable, AttemptResult::Wrong),
    }
}
