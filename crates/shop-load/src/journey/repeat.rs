//! Checks an order that has a result: reads the order back, and sends the order's request once more.

use http::StatusCode;

use super::log_out::log_out_on_401;
use super::placed::{OrderResult, PlacedOrder, expected_refusal};
use crate::account::Account;
use crate::check::order as check;
use crate::failure::{Failure, Reply};
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::Order;

/// Reads the order, if the response to `POST /order` contained an order id.
pub(super) async fn read_back<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    placed: &PlacedOrder,
) -> Result<(), Failure> {
    let order_id = match &placed.result {
        OrderResult::Confirmed(order) => order.order_id,
        OrderResult::Refused(refusal) => match refusal.order_id {
            Some(order_id) => order_id,
            None => return Ok(()),
        },
    };
    let request = ShopRequest::get(format!("/order/{order_id}")).bearer(&account.token);
    let read = session
        .require(Step::ReadOrder, request, |answer| {
            let read: Order = answer.expect(200)?;
            match &placed.result {
                OrderResult::Confirmed(order) => check::unchanged(&read, order),
                OrderResult::Refused(_) => check::refused(&read),
            }
            .map_err(Failure::Wrong)
        })
        .await;
    log_out_on_401(account, read)
}

/// Sends the order again with the same key, and checks that the new response equals the response that gave the order its result.
pub(super) async fn repeat<T: Transport>(
    session: &mut Session<T>,
    placed: &PlacedOrder,
) -> Result<(), Failure> {
    session
        .send(Step::RepeatOrder, placed.request.clone(), |answer| {
            if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
                return answer.expect_empty(201).map(Reply::Accepted);
            }
            match (&placed.result, expected_refusal(answer)) {
                (OrderResult::Confirmed(order), None) if answer.status == StatusCode::CREATED => {
                    let repeated: Order = answer.expect(201)?;
                    check::unchanged(&repeated, order).map_err(Failure::Wrong)?;
                    Ok(Reply::Accepted(()))
                }
                (OrderResult::Refused(first), Some(repeated)) if first.matches(&repeated) => {
                    Ok(Reply::Refused(repeated))
                }
                _ => Err(Failure::Wrong(format!(
                    "the repeat of an order has status {}, and differs from the first response",
                    answer.status.as_u16()
                ))),
            }
        })
        .await
        .map(drop)
}
