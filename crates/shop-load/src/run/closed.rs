//! The closed loop: a fixed number of users, who each run one journey after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::counts::Counts;
use crate::interrupted::Interrupted;
use crate::journey;
use crate::schedule::{StreamUser, random_stream};
use crate::session::Session;
use crate::transport::Transport;
use crate::world::World;

/// Minimum pause after a failed journey. Without this pause, a shop that fails fast would get more requests than a healthy shop.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Runs user number `n` of the closed loop: one journey after the other, from `begins_at` until the run ends.
pub(super) async fn user<T: Transport>(
    world: Arc<World<T>>,
    counts: Arc<Counts>,
    n: u32,
    begins_at: Instant,
) {
    if !world.ending.sleep_until(begins_at).await {
        return;
    }
    let rng = random_stream(world.plan.seed, StreamUser::Customer(n.into()));
    let mut session = Session::new(Arc::clone(&world), rng);
    loop {
        let (kind, ended) = journey::run_journey(&mut session).await;
        counts.count_journey(kind, ended);
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
