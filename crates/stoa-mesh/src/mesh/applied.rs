//! Whether the Envoys applied new configuration.

use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::inspect::{State, state};
use crate::scenario::Scenario;

/// Time for the Envoys to apply a change before the log reports those that have not.
const APPLY_DEADLINE: Duration = Duration::from_secs(2);
/// Poll interval while Envoys apply a change.
const ADMIN_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Logs whether the Envoys applied a change. `configured`: the change includes configuration.
pub(super) async fn report_applied(shared: &Shared, configured: bool) {
    let begin = Instant::now();
    let mut left: Vec<_> = shared
        .envoys()
        .into_iter()
        .map(|e| (e, State::Stale))
        .collect();
    loop {
        for (envoy, seen) in &mut left {
            // An Envoy that does not answer reads its files when it starts.
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
                "this Envoy rejects its new configuration and keeps the one it had; its log has the reason"
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
