//! Closes the gateways before the mesh stops, because a request in flight at a gateway may still open connections to the workloads
//! behind this gateway.

use std::time::Duration;

use crate::admin::Admin;
use crate::compiled::{Proxy, Workload};

/// Poll interval while requests at a gateway are in flight.
const ADMIN_POLL_INTERVAL: Duration = Duration::from_millis(25);
/// The path of a request for the numbers of requests in flight.
const ACTIVE_REQUESTS_PATH: &str = "/stats?filter=downstream_rq_active$";

/// Closes the gateways to new connections. Then waits until the gateways' requests in flight have finished, but no longer than
/// `limit`.
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
        tracing::warn!("the grace period is over; requests in flight at the gateway are cut off");
    }
}

/// The number of requests in flight at an Envoy; 0 if the Envoy does not answer.
async fn in_flight(admin: &Admin) -> u64 {
    let stats = admin.get(ACTIVE_REQUESTS_PATH).await;
    stats.map_or(0, |stats| sum_of_active(&stats))
}

/// The number of requests in flight, as the sum of the numbers in `stats`. The number for the administration interface is left out,
/// because it counts the request that returned `stats`.
fn sum_of_active(stats: &str) -> u64 {
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
        assert_eq!(sum_of_active(stats), 3);
        assert_eq!(sum_of_active("http.admin.downstream_rq_active: 1\n"), 0);
        assert_eq!(sum_of_active(""), 0);
    }
}
