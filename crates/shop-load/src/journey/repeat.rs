//! After the order: reads it back, and sends it once more.

use http::StatusCode;

use super::log_out::log_out_on_401;
use super::placed::{Placed, PlacedResult, refusal};
use crate::account::Account;
use crate::check::order as check;
use crate::failure::{Failure, Reply};
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::Order;

/// Reads the order, if the answer named one.
pub(super) async fn read_back<T: Transport>(
    session: &mut Session<T>,
    account: &mut Account,
    placed: &Placed,
) -> Result<(), Failure> {
    let order_id = match &placed.result {
        PlacedResult::Confirmed(order) => order.order_id,
        PlacedResult::Refused(refusal) => match refusal.order_id {
            Some(order_id) => order_id,
            None => return Ok(()),
        },
    };
    let request = ShopRequest::get(format!("/order/{order_id}")).bearer(&account.token);
    let read = session
        .require(Step::ReadOrder, request, |answer| {
            let now: Order = answer.expect(200)?;
            match &placed.result {
                PlacedResult::Confirmed(order) => check::same(&now, order),
                PlacedResult::Refused(_) => check::refused(&now),
            }
            .map_err(Failure::Wrong)
        })
        .await;
    log_out_on_401(account, read)
}

/// Sends the order again with the same key: the answer must equal the first one.
pub(super) async fn repeat<T: Transport>(
    session: &mut Session<T>,
    placed: &Placed,
) -> Result<(), Failure> {
    session
        .send(Step::RepeatOrder, placed.request.clone(), |answer| {
            if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
                return answer.expect_empty(201).map(Reply::Accepted);
            }
            match (&placed.result, refusal(answer)) {
                (PlacedResult::Confirmed(order), None) if answer.status == StatusCode::CREATED => {
                    let now: Order = answer.expect(201)?;
                    check::same(&now, order).map_err(Failure::Wrong)?;
                    Ok(Reply::Accepted(()))
                }
                (PlacedResult::Refused(first), Some(now)) if first.matches(&now) => {
                    Ok(Reply::Refused(now))
                }
                _ => Err(Failure::Wrong(format!(
                    "the repeat of an order is answered with {}, and not as the first time",
                    answer.status.as_u16()
                ))),
            }
        })
        .await
        .map(drop)
}
