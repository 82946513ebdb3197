//! Reports Envoys that hang. The supervisor restarts and logs an Envoy that ends; a hung Envoy only stops answering.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::shared::Shared;
use crate::admin::AdminError;

/// Poll interval: the log reports a hung Envoy a few seconds later, and thirteen requests per poll cost almost nothing.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Timeout of a poll. Envoy's administration answers within a millisecond; the rest is for a busy machine.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);
/// Missed polls in a row before a log line: an Envoy that starts or restarts may miss some.
const MISSED_POLLS: u32 = 3;

/// Polls every Envoy. Logs once when an Envoy stops answering, and once when it answers again.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut missed: BTreeMap<String, u32> = BTreeMap::new();
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let mut polls = JoinSet::new();
        for (workload, admin) in shared.proxies() {
            polls.spawn(async move {
                let answer = admin.get_within("/ready", POLL_TIMEOUT).await;
                // An Envoy that is not ready answers as well.
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
                    tracing::warn!(envoy, %log, "this Envoy does not answer: it hangs, or is being started");
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
