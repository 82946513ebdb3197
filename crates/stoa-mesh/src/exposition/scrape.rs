//! What the page reads from one Envoy: its statistics, and when its certificates expire.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::admin::Admin;
use crate::compiled::Workload;
use crate::inspect::{certificate_names, expiry, items};

/// Statistics that were used at least once: an Envoy has thousands that stay 0.
const USED: &str = "/stats/prometheus?usedonly";
/// Counters that operators alert on, including those that are 0: overflows, ejections, retries, TLS errors, failed connections,
/// rejected configuration. A counter that appears with its first burst has no earlier value, so `increase()` misses that burst.
const ALERTED: &str = concat!(
    r"/stats/prometheus?filter=\.(upstream_cx_(overflow|pool_overflow|connect_fail|connect_timeout|none_healthy)",
    r"|upstream_rq_(pending_overflow|retry|retry_[a-z_]%2B|timeout|per_try_timeout)",
    r"|outlier_detection\.ejections_(active|enforced_total|overflow)|ssl\.(connection_error|fail_[a-z_]%2B)",
    r"|no_filter_chain_match|update_rejected|update_failure|config_fail)$",
);

/// An Envoy whose statistics are on the page.
#[derive(Debug, Clone)]
pub struct ScrapeTarget {
    /// The Envoy's workload.
    pub workload: Workload,
    /// The Envoy's administration.
    pub admin: Admin,
    /// The number of restarts.
    pub restarts: Arc<AtomicU32>,
}

/// An Envoy's responses.
pub(super) struct Scraped {
    pub(super) used: String,
    alerted: String,
    certificates: Value,
}

impl ScrapeTarget {
    /// `None` if the Envoy does not answer everything in time.
    pub(super) async fn scrape(&self, limit: Duration) -> Option<Scraped> {
        let all = async {
            let (used, alerted, certificates) = tokio::join!(
                self.admin.get(USED),
                self.admin.get(ALERTED),
                self.admin.json("/certs")
            );
            Some(Scraped {
                used: used.ok()?,
                alerted: alerted.ok()?,
                certificates: certificates.ok()?,
            })
        };
        tokio::time::timeout(limit, all).await.ok()?
    }

    pub(super) fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }
}

impl Scraped {
    /// The alerted counters that [`Scraped::used`] does not have, as Envoy wrote them.
    pub(super) fn unused(&self) -> String {
        let series = |line: &str| line.rsplit_once(' ').map(|(series, _)| series.to_owned());
        let used: HashSet<_> = self.used.lines().filter_map(series).collect();
        let mut page = String::new();
        for line in self.alerted.lines() {
            if line.starts_with('#') || series(line).is_some_and(|series| !used.contains(&series)) {
                page.push_str(line);
                page.push('\n');
            }
        }
        page
    }

    /// Rejected updates, by kind of configuration.
    pub(super) fn rejected(&self) -> BTreeMap<&'static str, u64> {
        let kinds = ["cds", "lds", "rds", "ecds", "sds"];
        let mut rejected = BTreeMap::from(kinds.map(|kind| (kind, 0)));
        for line in self.alerted.lines() {
            let (Some((name, _)), Some((_, value))) =
                (line.split_once(['{', ' ']), line.rsplit_once(' '))
            else {
                continue;
            };
            let counts = ["_update_rejected", "_update_failure", "_config_fail"];
            if !counts.iter().any(|count| name.ends_with(count)) {
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

    /// Each certificate's expiry in seconds since 1970, by the name in it. During a renewal, both the old and the new one are there.
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
    fn a_counter_that_is_used_is_not_there_twice() {
        let scraped = Scraped {
            used: "# TYPE a counter\na{x=\"1\"} 5\n".to_owned(),
            alerted: "# TYPE a counter\na{x=\"1\"} 4\na{x=\"2\"} 0\n# TYPE b counter\nb{} 0\n"
                .to_owned(),
            certificates: Value::Null,
        };
        assert_eq!(
            scraped.unused(),
            "# TYPE a counter\na{x=\"2\"} 0\n# TYPE b counter\nb{} 0\n"
        );
    }

    #[test]
    fn refused_configuration_is_counted_by_its_kind() {
        let alerted = "envoy_cluster_manager_cds_update_rejected{} 1\nenvoy_listener_manager_lds_update_rejected{} 2\n\
            envoy_listener_manager_lds_update_failure{} 1\nenvoy_http_rds_80_update_rejected{a=\"b c\"} 4\n\
            envoy_extension_config_discovery_http_filter_x_config_fail{} 5\nenvoy_cluster_upstream_cx_overflow{} 7\n";
        let scraped = Scraped {
            used: String::new(),
            alerted: alerted.to_owned(),
            certificates: Value::Null,
        };
        let expected = [("cds", 1), ("lds", 3), ("rds", 4), ("ecds", 5), ("sds", 0)];
        assert_eq!(scraped.rejected(), BTreeMap::from(expected));
    }

    #[test]
    fn the_newest_certificate_of_a_name_counts() {
        let chain = |name: Value, expires: &str| json!({"cert_chain": [{"expiration_time": expires, "subject_alt_names": [name]}]});
        let cart = || json!({"uri": "spiffe://cluster.local/ns/shop/sa/cart"});
        let certificates = json!({"certificates": [
            chain(cart(), "1970-01-01T00:01:00Z"), chain(cart(), "1970-01-01T00:02:00Z"),
            chain(json!({"dns": "shop.example.com"}), "1970-01-01T01:00:00Z"),
            // An authority's certificate.
            {"ca_cert": [{"expiration_time": "2999-01-01T00:00:00Z"}], "cert_chain": []},
        ]});
        let scraped = Scraped {
            used: String::new(),
            alerted: String::new(),
            certificates,
        };
        let expected = [
            ("shop.example.com".to_owned(), 3600),
            ("spiffe://cluster.local/ns/shop/sa/cart".to_owned(), 120),
        ];
        assert_eq!(scraped.expiries(), BTreeMap::from(expected));
    }
}
