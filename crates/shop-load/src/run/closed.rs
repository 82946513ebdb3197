//! The closed loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::counts::Counts;
use crate::interrupted::Interrupted;
use crate::journey;
use crate::schedule::{Lane, choices};
use crate::session::Session;
use crate::transport::Transport;
use crate::world::World;

/// Pause after a failure, so that a shop that fails fast does not get more requests.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// A user of the closed loop, who begins at this time: one journey after the other until the run ends.
pub(super) async fn user<T: Transport>(
    world: Arc<World<T>>,
    counts: Arc<Counts>,
    n: u32,
    begins: Instant,
) {
    if !world.ending.sleep_until(begins).await {
        return;
    }
    let rng = choices(world.plan.seed, Lane::Customer(n.into()));
    let mut session = Session::new(Arc::clone(&world), rng);
    loop {
        let (kind, ended) = journey::travel(&mut session).await;
        counts.journey(kind, ended);
        let paused = match ended {
            Err(Interrupted::RunEnded) => return,
            Err(Interrupted::Failed) => {
                session
                    .pause(PAUSE_AFTER_FAILURE.max(world.plan.think_time))
                    .await
            }
            Ok(()) => session.think().await,
        };
        if paused.is_err() {
            return;
        }
    }
}
