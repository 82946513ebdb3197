//! Reads the statistics of one Envoy, and the expiry of its certificates.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::admin::Admin;
use crate::compiled::Workload;
use crate::inspect::{certificate_names, expiry, items};

/// The path of a request for the statistics that changed at least once. The other statistics are not requested, because an Envoy
/// has thousands of statistics that stay 0.
const USED_STATS_PATH: &str = "/stats/prometheus?usedonly";
/// The path of a request for the statistics on which operators alert: overflows, ejections, retries, TLS errors, failed
/// connections, and rejected configuration. The response includes statistics that are 0. If a counter were on the page only after
/// its first burst of events, Prometheus would have no earlier value of the counter, and the function `increase()` would miss that
/// burst.
const ALERT_STATS_PATH: &str = concat!(
    r"/stats/prometheus?filter=\.(upstream_cx_(overflow|pool_overflow|connect_fail|connect_timeout|none_healthy)",
    r"|upstream_rq_(pending_overflow|retry|retry_[a-z_]%2B|timeout|per_try_timeout)",
    r"|outlier_detection\.ejections_(active|enforced_total|overflow)|ssl\.(connection_error|fail_[a-z_]%2B)",
    r"|no_filter_chain_match|update_rejected|update_failure|config_fail)$",
);

/// An Envoy whose statistics the metrics page shows.
#[derive(Debug, Clone)]
pub struct ScrapeTarget {
    /// The Envoy's workload.
    pub workload: Workload,
    /// A client of the Envoy's administration interface.
    pub admin: Admin,
    /// The number of restarts of the Envoy.
    pub restarts: Arc<AtomicU32>,
}

/// An Envoy's responses to one scrape.
pub(super) struct ScrapeResponses {
    /// The response to the request for [`USED_STATS_PATH`].
    pub(super) used: String,
    /// The response to the request for [`ALERT_STATS_PATH`].
    alert_counters: String,
    /// The JSON response to the request for `/certs`.
    certificates: Value,
}

impl ScrapeTarget {
    /// Sends all requests of one scrape to the Envoy. `None` if a response is missing after `limit`, or if a request fails.
    pub(super) async fn scrape(&self, limit: Duration) -> Option<ScrapeResponses> {
        let all = async {
            let (used, alert_counters, certificates) = tokio::join!(
                self.admin.get(USED_STATS_PATH),
                self.admin.get(ALERT_STATS_PATH),
                self.admin.json("/certs")
            );
            Some(ScrapeResponses {
                used: used.ok()?,
                alert_counters: alert_counters.ok()?,
                certificates: certificates.ok()?,
            })
        };
        tokio::time::timeout(limit, all).await.ok()?
    }

    pub(super) fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }
}

impl ScrapeResponses {
    /// The statistics in the response to [`ALERT_STATS_PATH`] that [`ScrapeResponses::used`] does not contain, in the text format
    /// of the response.
    pub(super) fn unused(&self) -> String {
        let series = |line: &str| line.rsplit_once(' ').map(|(series, _)| series.to_owned());
        let used: HashSet<_> = self.used.lines().filter_map(series).collect();
        let mut page = String::new();
        for line in self.alert_counters.lines() {
            if line.starts_with('#') || series(line).is_some_and(|series| !used.contains(&series)) {
                page.push_str(line);
                page.push('\n');
            }
        }
        page
    }

    /// Number of updates that the Envoy rejected, by the kind of configuration, such as `cds`.
    pub(super) fn rejected(&self) -> BTreeMap<&'static str, u64> {
        let kinds = ["cds", "lds", "rds", "ecds", "sds"];
        let mut rejected = BTreeMap::from(kinds.map(|kind| (kind, 0)));
        for line in self.alert_counters.lines() {
            let (Some((name, _)), Some((_, value))) =
                (line.split_once(['{', ' ']), line.rsplit_once(' '))
            else {
                continue;
            };
            let suffixes = ["_update_rejected", "_update_failure", "_config_fail"];
            if !suffixes.iter().any(|suffix| name.ends_with(suffix)) {
                continue;
            }
            let kind = match name {
                _ if name.contains("extension_config_discovery") => "ecds",
                _ if name.contains("_cds_") => "cds",
                _ if name.contains("_lds_") => "lds",
                _ if name.contains("_rds_") => "rds",
                _ if name.contains("_sds_") => "sds",
                _ => continue,
            };
            *rejected.entry(kind).or_default() += value.parse::<u64>().unwrap_or(0);
        }
        rejected
    }

    /// The expiry of the newest certificate for each name, in seconds since 1970. During a renewal, an Envoy has an old and a new
    /// certificate with the same name.
    pub(super) fn expiries(&self) -> BTreeMap<String, u64> {
        let mut expiries = BTreeMap::new();
        let chains = items(&self.certificates, "/certificates");
        for leaf in chains.filter_map(|chain| items(chain, "/cert_chain").next()) {
            let since = expiry(leaf).and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            if let (Some(since), Some(name)) = (since, certificate_names(leaf).into_iter().next()) {
                let latest: &mut u64 = expiries.entry(name).or_default();
                *latest = since.as_secs().max(*latest);
            }
        }
        expiries
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_used_counter_is_not_on_the_page_twice() {
        let responses = ScrapeResponses {
            used: "# TYPE a counter\na{x=\"1\"} 5\n".to_owned(),
            alert_counters:
                "# TYPE a counter\na{x=\"1\"} 4\na{x=\"2\"} 0\n# TYPE b counter\nb{} 0\n".to_owned(),
            certificates: Value::Null,
        };
        assert_eq!(
            responses.unused(),
            "# TYPE a counter\na{x=\"2\"} 0\n# TYPE b counter\nb{} 0\n"
        );
    }

    #[test]
    fn rejected_configuration_is_counted_by_its_kind() {
        let alert_counters = "envoy_cluster_manager_cds_update_rejected{} 1\nenvoy_listener_manager_lds_update_rejected{} 2\n\
            envoy_listener_manager_lds_update_failure{} 1\nenvoy_http_rds_80_update_rejected{a=\"b c\"} 4\n\
            envoy_extension_config_discovery_http_filter_x_config_fail{} 5\nenvoy_cluster_upstream_cx_overflow{} 7\n";
        let responses = ScrapeResponses {
            used: String::new(),
            alert_counters: alert_counters.to_owned(),
            certificates: Value::Null,
        };
        let expected = [("cds", 1), ("lds", 3), ("rds", 4), ("ecds", 5), ("sds", 0)];
        assert_eq!(responses.rejected(), BTreeMap::from(expected));
    }

    #[test]
    fn the_newest_certificate_of_a_name_counts() {
        let chain = |name: Value, expires: &str| json!({"cert_chain": [{"expiration_time": expires, "subject_alt_names": [name]}]});
        let cart = || json!({"uri": "spiffe://cluster.local/ns/shop/sa/cart"});
        let certificates = json!({"certificates": [
            chain(cart(), "1970-01-01T00:01:00Z"), chain(cart(), "1970-01-01T00:02:00Z"),
            chain(json!({"dns": "shop.example.com"}), "1970-01-01T01:00:00Z"),
            // The certificates of authorities (`ca_cert`) do not count.
            {"ca_cert": [{"expiration_time": "2999-01-01T00:00:00Z"}], "cert_chain": []},
        ]});
        let responses = ScrapeResponses {
            used: String::new(),
            alert_counters: String::new(),
            certificates,
        };
        let expected = [
            ("shop.example.com".to_owned(), 3600),
            ("spiffe://cluster.local/ns/shop/sa/cart".to_owned(), 120),
        ];
        assert_eq!(responses.expiries(), BTreeMap::from(expected));
    }
}
