//! Reports in the log whether the Envoys applied new configuration.

use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::inspect::{SyncState, worst_state};
use crate::scenario::Scenario;

/// Deadline for the Envoys to apply a change. After this deadline, the log reports the Envoys that have not applied the change.
const APPLY_DEADLINE: Duration = Duration::from_secs(2);
/// Poll interval while the Envoys apply a change.
const ADMIN_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Waits until the Envoys have applied a change, and logs the outcome. `has_configuration` is true if configuration changed, and
/// false if only the code of filters changed.
pub(super) async fn report_applied(shared: &Shared, has_configuration: bool) {
    let begin = Instant::now();
    let mut pending: Vec<_> = shared
        .envoys()
        .into_iter()
        .map(|e| (e, SyncState::Stale))
        .collect();
    loop {
        for (envoy, state) in &mut pending {
            // An Envoy that does not answer counts as stale. It may be restarting, and a starting Envoy reads the changed files.
            *state = worst_state(envoy).await.unwrap_or(SyncState::Stale);
        }
        pending.retain(|(_, state)| *state != SyncState::Synced);
        if pending.is_empty() || begin.elapsed() > APPLY_DEADLINE {
            break;
        }
        tokio::time::sleep(ADMIN_POLL_INTERVAL).await;
    }
    if has_configuration && pending.is_empty() {
        let scenario = Scenario::active(&shared.options.state_dir).map(|scenario| scenario.name);
        tracing::info!(scenario, "all Envoys have applied the new configuration");
    }
    for (envoy, state) in pending {
        let (envoy, log) = (&envoy.name, envoy.log.display());
        if state == SyncState::Rejected {
            tracing::warn!(
                envoy,
                %log,
                "this Envoy rejected its new configuration and keeps its previous configuration; the file in the field `log` contains the reason"
            );
        } else {
            tracing::warn!(
                envoy,
                %log,
                "this Envoy has not applied its new configuration yet"
            );
        }
    }
}
