//! Reports in the log that an Envoy hangs. The process of such an Envoy does not end, so its supervisor neither restarts it nor
//! logs an error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::shared::Shared;
use crate::admin::AdminError;

/// The interval at which every Envoy is polled. It is short, so that the log reports within a few seconds that an Envoy hangs.
/// Polling the shop's thirteen Envoys costs almost nothing.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Timeout of a poll. Envoy's administration interface answers within a millisecond, but a busy machine may need longer.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);
/// Number of missed polls in a row after which an Envoy is reported. An Envoy that starts or restarts may miss some polls.
const MISSED_POLLS: u32 = 3;

/// Polls every Envoy. Logs once when an Envoy stops answering, and once when the Envoy answers again.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut missed: BTreeMap<String, u32> = BTreeMap::new();
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let mut polls = JoinSet::new();
        for (workload, admin) in shared.proxies() {
            polls.spawn(async move {
                let answer = admin.get_within("/ready", POLL_TIMEOUT).await;
                // An Envoy that answers "not ready" does not hang, so this answer does not count as a missed poll.
                let silent = matches!(answer, Err(AdminError::Silent { .. }));
                (workload.name(), silent)
            });
        }
        for (envoy, silent) in polls.join_all().await {
            let log = shared.log(&envoy);
            let log = log.display();
            let count = missed.entry(envoy.clone()).or_default();
            if silent {
                *count += 1;
                if *count == MISSED_POLLS {
                    tracing::warn!(envoy, %log, "this Envoy does not answer; it hangs, or it is still starting");
                }
            } else {
                if *count >= MISSED_POLLS {
                    tracing::info!(envoy, "this Envoy answers again");
                }
                *count = 0;
            }
        }
    }
}
