//! The customers' journeys: `browse.rs` browses, `buy.rs` fills a cart and orders it. `order.rs` sends the order until it has a result
//! (`attempt.rs` sends it once), and `repeat.rs` checks it afterwards.

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

/// One journey, and how it ended.
pub(crate) async fn travel<T: Transport>(
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
