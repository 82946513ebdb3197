//! Makes Istio's standard metrics from the access logs. On a cluster, a filter in Istio's own Envoy counts these metrics, but
//! upstream Envoy lacks that filter. The metrics' names and labels are the same as on a cluster, so the same queries work here and
//! on a cluster.
//!
//! - this file: reads and counts a line of an access log.
//! - `metrics/line.rs`: the fields of a line; `metrics/peers.rs`: the workloads and Services at both ends of a request.
//! - `metrics/key.rs`: the key of a series; `metrics/series.rs`: the counts of a series.
//! - `metrics/labels.rs`: Istio's labels; `metrics/families.rs`: the metric families on a page.

mod families;
mod key;
mod labels;
mod line;
mod peers;
mod series;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::addresses::Addresses;
use crate::compiled::{Compiled, CompiledError, Workload};
use families::Families;
use key::{InternedTexts, Key, Reporter, Security};
use labels::Labels;
use line::Line;
use peers::{Peers, UNKNOWN_PEER};
use series::Series;

/// Istio's standard metrics: the counts of all requests.
pub struct Metrics {
    peers: Peers,
    counts: Mutex<Counts>,
    malformed: AtomicU64,
}

#[derive(Default)]
struct Counts {
    texts: InternedTexts,
    by_key: HashMap<Key, Series>,
}

impl Metrics {
    /// Creates the metrics. No request is counted yet.
    ///
    /// # Errors
    /// If the compiled configuration cannot be read.
    pub fn new(compiled: &Compiled, addresses: &Addresses) -> Result<Self, CompiledError> {
        Ok(Self {
            peers: Peers::new(compiled, addresses)?,
            counts: Mutex::default(),
            malformed: AtomicU64::new(0),
        })
    }

    /// Counts the request that `line` describes. The line is from the access log of this workload's Envoy. A line that cannot be
    /// parsed is counted as malformed.
    pub fn record(&self, workload: &Workload, line: &str) {
        match serde_json::from_str::<Line<'_>>(line) {
            Ok(line) => self.count(workload, &line),
            Err(error) => {
                tracing::debug!(%error, line, "cannot parse a line of an access log");
                self.malformed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The number of log lines that could not be parsed.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    fn count(&self, workload: &Workload, line: &Line<'_>) {
        // A log line that contains no protocol is about a connection, and not about a request.
        if line.protocol.text().is_none() {
            return;
        }
        let peers = &self.peers;
        let own = peers.by_cluster_address(workload.ip);
        let cluster = line.upstream_cluster.text().unwrap_or_default();
        let inbound = cluster.starts_with("inbound|")
            || (cluster.is_empty() && peers.is_inbound(line.downstream_local_address.address()));
        let is_destination = inbound && !peers.peer(own).is_gateway;
        let (reporter, other, principal, security) = if is_destination {
            let principal = &line.downstream_principal;
            let direct = match line.downstream_direct_remote_address.get() {
                Some(_) => &line.downstream_direct_remote_address,
                None => &line.downstream_remote_address,
            };
            let caller = peers.by_local_address(direct.address());
            let caller = caller.or_else(|| peers.by_identity(principal.text()?));
            let security = match principal.get() {
                None => Security::Unknown,
                Some("") => Security::None,
                Some(_) => Security::MutualTls,
            };
            (Reporter::Destination, caller, principal, security)
        } else {
            let callee = peers.by_local_address(line.upstream_host.address());
            let principal = &line.upstream_principal;
            (Reporter::Source, callee, principal, Security::Unknown)
        };
        // The log line of an inbound request may contain no Envoy cluster. The request still counts as a request for this workload.
        let cluster = match (is_destination, cluster) {
            (true, "") => "inbound|80||",
            (_, cluster) => cluster,
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key {
            own,
            reporter,
            other: other.unwrap_or(UNKNOWN_PEER),
            cluster: counts.texts.id(cluster),
            code: u16::try_from(line.response_code.0.unwrap_or(0)).unwrap_or(0),
            flags: counts.texts.id(line.response_flags.text().unwrap_or("-")),
            principal: principal.text().map(|uri| counts.texts.id(uri)),
            security,
            grpc: line
                .grpc_status
                .text()
                .map(|status| counts.texts.id(status)),
        };
        counts.by_key.entry(key).or_default().add(line);
    }

    /// The metrics with their current values. Prometheus' client library renders them.
    pub(crate) fn families(&self) -> Families {
        let mut merged: BTreeMap<Labels, Series> = BTreeMap::new();
        {
            let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, series) in &counts.by_key {
                // Different keys may have the same labels, so the series of these keys are merged. If a page had two samples with
                // the same labels, Prometheus would drop the second sample, and the count of that sample would be lost.
                let labels = labels::labels(&self.peers, key, &counts.texts);
                merged.entry(labels).or_default().merge(series);
            }
        }
        Families {
            series: merged.into_iter().collect(),
            malformed: self.malformed(),
        }
    }
}

#[cfg(test)]
mod tests;
