//! Closes the gateway before anything behind it: a request in flight may still open connections there.

use std::time::Duration;

use crate::admin::Admin;
use crate::compiled::{Proxy, Workload};

/// Poll interval while requests are in flight.
const ADMIN_POLL_INTERVAL: Duration = Duration::from_millis(25);
/// The counters of requests in flight.
const ACTIVE: &str = "/stats?filter=downstream_rq_active$";

/// Closes the gateways to new connections. Waits for the responses to requests in flight there, up to `limit`.
pub(super) async fn close_gateways(proxies: Vec<(Workload, Admin)>, limit: Duration) {
    let gateways = proxies.into_iter();
    let gateways: Vec<_> = gateways
        .filter(|(workload, _)| workload.proxy == Proxy::Gateway)
        .collect();
    let closed = async {
        for (_, admin) in &gateways {
            let _ = admin.post("/drain_listeners").await;
        }
        for (_, admin) in &gateways {
            while in_flight(admin).await > 0 {
                tokio::time::sleep(ADMIN_POLL_INTERVAL).await;
            }
        }
    };
    if tokio::time::timeout(limit, closed).await.is_err() {
        tracing::warn!("requests at the gateway are cut off: the grace period is over");
    }
}

/// The requests in flight at an Envoy; 0 if it does not answer.
async fn in_flight(admin: &Admin) -> u64 {
    let stats = admin.get(ACTIVE).await;
    stats.map_or(0, |stats| active(&stats))
}

/// The sum of the counters, without the request that reads them.
fn active(stats: &str) -> u64 {
    let counts = stats.lines().filter_map(|line| line.rsplit_once(": "));
    let counts = counts.filter(|(name, _)| !name.starts_with("http.admin."));
    counts
        .filter_map(|(_, count)| count.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_that_reads_the_counters_is_not_counted() {
        let stats = "http.admin.downstream_rq_active: 1\nhttp.outbound_0.0.0.0_8080;.downstream_rq_active: 2\n\
            http.outbound_0.0.0.0_8443;.downstream_rq_active: 1\n";
        assert_eq!(active(stats), 3);
        assert_eq!(active("http.admin.downstream_rq_active: 1\n"), 0);
        assert_eq!(active(""), 0);
    }
}
