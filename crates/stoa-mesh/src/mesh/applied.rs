//! Whether the Envoys took new configuration.

use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::inspect::{State, state};
use crate::scenario::Scenario;

/// The time for the Envoys to take something before it is logged that one has not.
const APPLY_DEADLINE: Duration = Duration::from_secs(2);
/// Poll interval meanwhile.
const ADMIN_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Logs whether the Envoys took what they were given. `configured`: there was configuration among it.
pub(super) async fn report_applied(shared: &Shared, configured: bool) {
    let begin = Instant::now();
    let mut left: Vec<_> = shared
        .envoys()
        .into_iter()
        .map(|e| (e, State::Stale))
        .collect();
    loop {
        for (envoy, seen) in &mut left {
            // One that does not answer reads its files when it starts.
            *seen = state(envoy).await.unwrap_or(State::Stale);
        }
        left.retain(|(_, seen)| *seen != State::Synced);
        if left.is_empty() || begin.elapsed() > APPLY_DEADLINE {
            break;
        }
        tokio::time::sleep(ADMIN_POLL_INTERVAL).await;
    }
    if configured && left.is_empty() {
        let scenario = Scenario::of(&shared.options.state_dir).map(|scenario| scenario.name);
        tracing::info!(scenario, "the Envoys have new configuration");
    }
    for (envoy, state) in left {
        let (envoy, log) = (&envoy.name, envoy.log.display());
        if state == State::Rejected {
            tracing::warn!(
                envoy,
                %log,
                "this Envoy refuses its new configuration and keeps what it had; its log says why"
            );
        } else {
            tracing::warn!(
                envoy,
                %log,
                "the Envoys have new configuration, and this one has not taken it yet"
            );
        }
    }
}
