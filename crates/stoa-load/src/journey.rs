//! What customers do: [`browse`] looks around, [`buy`] fills a cart and orders it, [`order`] sees an order through.

mod browse;
mod buy;
mod order;

use crate::session::{Gone, Session};
use crate::transport::Transport;

/// Who made a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Browser,
    Buyer,
}

/// One journey, and how it ended.
pub(crate) async fn go<T: Transport>(session: &mut Session<T>) -> (Kind, Result<(), Gone>) {
    if session.rng.f64() < session.world.plan.buyers {
        (Kind::Buyer, buy::buy(session).await)
    } else {
        session.cookies.clear();
        (Kind::Browser, browse::browse(session).await)
    }
}

pub(crate) use browse::catalogue;
