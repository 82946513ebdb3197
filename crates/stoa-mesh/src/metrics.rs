//! Istio's standard metrics. On a cluster, a filter in Istio's own Envoy counts them; upstream Envoy lacks that filter. Here they are
//! made from the access logs, with the same names and labels, so the same queries work in both places.
//!
//! - this file: reads and counts a line.
//! - `metrics/line.rs`: the fields of a line; `metrics/peers.rs`: the workloads and Services in it.
//! - `metrics/key.rs`: the key of a series; `metrics/series.rs`: the counts of a series.
//! - `metrics/labels.rs`: Istio's labels; `metrics/families.rs`: the families on a page.

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
use key::{Key, Security, Side, Texts};
use labels::Labels;
use line::Line;
use peers::{Peers, UNKNOWN_PEER};
use series::Series;

/// The counts of all requests.
pub struct Metrics {
    peers: Peers,
    counts: Mutex<Counts>,
    malformed: AtomicU64,
}

#[derive(Default)]
struct Counts {
    texts: Texts,
    by_key: HashMap<Key, Series>,
}

impl Metrics {
    /// Empty counts.
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

    /// Counts a line of the access log of this workload's Envoy. A line that cannot be read is counted as malformed.
    pub fn record(&self, workload: &Workload, line: &str) {
        match serde_json::from_str::<Line<'_>>(line) {
            Ok(line) => self.count(workload, &line),
            Err(error) => {
                tracing::debug!(%error, line, "a line of an access log that cannot be read");
                self.malformed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The number of lines that could not be read.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    fn count(&self, workload: &Workload, line: &Line<'_>) {
        // A connection, not a request.
        if line.protocol.text().is_none() {
            return;
        }
        let peers = &self.peers;
        let reporter = peers.workload(workload.ip);
        let cluster = line.upstream_cluster.text().unwrap_or_default();
        let inbound = cluster.starts_with("inbound|")
            || (cluster.is_empty() && peers.is_inbound(line.downstream_local_address.address()));
        let destination = inbound && !peers.peer(reporter).is_gateway;
        let (side, peer, shown, security) = if destination {
            let shown = &line.downstream_principal;
            let direct = match line.downstream_direct_remote_address.get() {
                Some(_) => &line.downstream_direct_remote_address,
                None => &line.downstream_remote_address,
            };
            let caller = peers.at(direct.address());
            let caller = caller.or_else(|| peers.identified(shown.text()?));
            let security = match shown.get() {
                None => Security::Unknown,
                Some("") => Security::None,
                Some(_) => Security::MutualTls,
            };
            (Side::Destination, caller, shown, security)
        } else {
            let called = peers.at(line.upstream_host.address());
            let shown = &line.upstream_principal;
            (Side::Source, called, shown, Security::Unknown)
        };
        // Without a cluster in the log, the request was still for the workload.
        let cluster = match (destination, cluster) {
            (true, "") => "inbound|80||",
            (_, cluster) => cluster,
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key {
            reporter,
            side,
            peer: peer.unwrap_or(UNKNOWN_PEER),
            cluster: counts.texts.id(cluster),
            code: u16::try_from(line.response_code.0.unwrap_or(0)).unwrap_or(0),
            flags: counts.texts.id(line.response_flags.text().unwrap_or("-")),
            principal: shown.text().map(|uri| counts.texts.id(uri)),
            security,
            grpc: line
                .grpc_status
                .text()
                .map(|status| counts.texts.id(status)),
        };
        counts.by_key.entry(key).or_default().add(line);
    }

    /// A snapshot that Prometheus' client can render.
    pub(crate) fn families(&self) -> Families {
        let mut merged: BTreeMap<Labels, Series> = BTreeMap::new();
        {
            let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, series) in &counts.by_key {
                // Different keys may give the same labels, so they are merged. If a series is on a page twice, Prometheus drops the second
                // sample, and that count would be lost.
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
