//! The customers' journeys. `browse.rs` is the journey of a customer who only browses. `buy.rs` fills a cart and orders the items.
//! `order.rs` sends an order until the order has a result, and `attempt.rs` sends it once. `repeat.rs` checks the order afterwards.

mod attempt;
mod browse;
mod buy;
mod log_out;
mod order;
mod placed;
mod repeat;

use crate::counts::JourneyKind;
use crate::interrupted::Interrupted;
use crate::session::Session;
use crate::transport::Transport;

/// Runs one journey. Returns the kind of the journey, and how the journey ended.
pub(crate) async fn run_journey<T: Transport>(
    session: &mut Session<T>,
) -> (JourneyKind, Result<(), Interrupted>) {
    if session.rng.f64() < session.world.plan.buyers {
        (JourneyKind::Buyer, buy::buy(session).await)
    } else {
        session.cookies.clear();
        (JourneyKind::Browser, browse::browse(session).await)
    }
}

pub(crate) use browse::catalogue;
