//! The gateway is closed before anything behind it is: an order on its way still has connections to open.

use std::time::Duration;

use super::{ASK, Mesh};
use crate::admin::Admin;
use crate::compiled::Proxy;

/// What counts the requests that an Envoy is at.
const ACTIVE: &str = "/stats?filter=downstream_rq_active$";

impl Mesh {
    /// Closes the gateways to new connections, and waits until what is under way there is answered, but no longer than `limit`.
    pub async fn close_gateways(&self, limit: Duration) {
        let gateways = self.proxies().into_iter();
        let gateways: Vec<_> = gateways
            .filter(|(workload, _)| workload.proxy == Proxy::Gateway)
            .collect();
        let closed = async {
            for (_, admin) in &gateways {
                let _ = admin.post("/drain_listeners").await;
            }
            for (_, admin) in &gateways {
                while under_way(admin).await > 0 {
                    tokio::time::sleep(ASK).await;
                }
            }
        };
        if tokio::time::timeout(limit, closed).await.is_err() {
            tracing::warn!("requests at the gateway are cut off: the grace period is over");
        }
    }
}

/// How many requests an Envoy is at. One that does not answer is at none.
async fn under_way(admin: &Admin) -> u64 {
    let stats = admin.get(ACTIVE).await;
    stats.map_or(0, |stats| active(&stats))
}

/// The requests that were counted, without the one that asks.
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
    fn the_question_itself_is_no_request_under_way() {
        let stats = "http.admin.downstream_rq_active: 1\nhttp.outbound_0.0.0.0_8080;.downstream_rq_active: 2\n\
            http.outbound_0.0.0.0_8443;.downstream_rq_active: 1\n";
        assert_eq!(active(stats), 3);
        assert_eq!(active("http.admin.downstream_rq_active: 1\n"), 0);
        assert_eq!(active(""), 0);
    }
}
