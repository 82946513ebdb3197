//! Istio's standard metrics. On a cluster a filter of Istio's own Envoy counts them, and upstream Envoy has none such; here they are
//! made from the access logs, under the same names and with the same labels, so that what is asked of one is asked of the other.
//!
//! - `metrics/line.rs`: what is read of a line.
//! - `metrics/peers.rs`: who is who.

mod line;
mod peers;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::addresses::Addresses;
use crate::compiled::{Compiled, CompiledError, Workload};
use line::Line;
use peers::{Called, NOBODY, Peer, PeerId, Peers, UNKNOWN};

/// Upper bounds, as of every histogram of Envoy; Istio sets no others. Here a bucket has what took its bound or less, exactly; Envoy's own
/// keep two digits of a value, so theirs may have up to 10 % more.
const BUCKETS: [f64; 19] = [
    0.5, 1., 5., 10., 25., 50., 100., 250., 500., 1_000., 2_500., 5_000., 10_000., 30_000.,
    60_000., 300_000., 600_000., 1_800_000., 3_600_000.,
];

/// What was counted.
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

/// Every text once, so that a key is small and nothing is copied for a request like one before.
#[derive(Default)]
struct Texts {
    ids: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

/// What the labels of a request are made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    reporter: PeerId,
    side: Side,
    peer: PeerId,
    cluster: u32,
    code: u16,
    flags: u32,
    /// The principal that the peer showed; nothing if the log does not say.
    principal: Option<u32>,
    security: Security,
    grpc: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Source,
    Destination,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Security {
    MutualTls,
    None,
    Unknown,
}

#[derive(Default, Clone)]
struct Series {
    requests: u64,
    duration: Histogram,
    received: Histogram,
    sent: Histogram,
}

/// Not cumulative; the last is above all bounds.
#[derive(Default, Clone)]
struct Histogram {
    counts: [u64; BUCKETS.len() + 1],
    sum: u64,
}

impl Metrics {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// If what was compiled cannot be read.
    pub fn new(compiled: &Compiled, addresses: &Addresses) -> Result<Self, CompiledError> {
        Ok(Self {
            peers: Peers::new(compiled, addresses)?,
            counts: Mutex::default(),
            malformed: AtomicU64::new(0),
        })
    }

    /// Counts a line of the access log of the Envoy beside this workload. One that cannot be read is counted as such.
    pub fn record(&self, workload: &Workload, line: &str) {
        match serde_json::from_str::<Line<'_>>(line) {
            Ok(line) => self.count(workload, &line),
            Err(error) => {
                tracing::debug!(%error, line, "a line of an access log that cannot be read");
                self.malformed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many lines could not be read.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    fn count(&self, workload: &Workload, line: &Line<'_>) {
        // A connection that is no request.
        if line.protocol.said().is_none() {
            return;
        }
        let peers = &self.peers;
        let reporter = peers.workload(workload.ip);
        let cluster = line.upstream_cluster.said().unwrap_or_default();
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
            let caller = caller.or_else(|| peers.identified(shown.said()?));
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
        // Where the log says nothing of a cluster, the request was for the workload all the same.
        let cluster = match (destination, cluster) {
            (true, "") => "inbound|80||",
            (_, cluster) => cluster,
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key {
            reporter,
            side,
            peer: peer.unwrap_or(NOBODY),
            cluster: counts.texts.id(cluster),
            code: u16::try_from(line.response_code.0.unwrap_or(0)).unwrap_or(0),
            flags: counts.texts.id(line.response_flags.said().unwrap_or("-")),
            principal: shown.said().map(|uri| counts.texts.id(uri)),
            security,
            grpc: line
                .grpc_status
                .said()
                .map(|status| counts.texts.id(status)),
        };
        counts.by_key.entry(key).or_default().add(line);
    }

    /// The metrics as Prometheus reads them, by name: what follows `# TYPE`, and the samples.
    pub(crate) fn families(&self) -> BTreeMap<String, (String, String)> {
        let mut merged: BTreeMap<String, Series> = BTreeMap::new();
        {
            let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, series) in &counts.by_key {
                // Different keys may give the same labels. Of a series that is on the page twice, Prometheus drops the second
                // sample, so that count would be lost.
                let labels = self.labels(key, &counts.texts);
                merged.entry(labels).or_default().merge(series);
            }
        }
        let mut families = BTreeMap::new();
        let mut family = |name: &str, kind: &str, samples: String| {
            if !samples.is_empty() {
                families.insert(name.to_owned(), (kind.to_owned(), samples));
            }
        };
        let mut requests = String::new();
        for (labels, series) in &merged {
            let _ = writeln!(
                requests,
                "istio_requests_total{{{labels}}} {}",
                series.requests
            );
        }
        family("istio_requests_total", "counter", requests);
        let mut histogram = |name: &str, of: fn(&Series) -> &Histogram| {
            let mut samples = String::new();
            for (labels, series) in &merged {
                of(series).write(name, labels, &mut samples);
            }
            family(name, "histogram", samples);
        };
        histogram("istio_request_duration_milliseconds", |s| &s.duration);
        histogram("istio_request_bytes", |s| &s.received);
        histogram("istio_response_bytes", |s| &s.sent);
        let malformed = format!("stoa_access_log_malformed_total {}\n", self.malformed());
        family("stoa_access_log_malformed_total", "counter", malformed);
        families
    }

    fn labels(&self, key: &Key, texts: &Texts) -> String {
        let own = self.peers.peer(key.reporter);
        let other = self.peers.peer(key.peer);
        let shown = key.principal.map(|id| texts.text(id));
        // Whoever is shown a certificate has shown one.
        let (own_principal, other_principal) = match shown {
            Some(uri) => (own.identity.as_str(), uri),
            None => (UNKNOWN, UNKNOWN),
        };
        let (reporter, source, destination) = match key.side {
            Side::Source => ("source", (own, own_principal), (other, other_principal)),
            Side::Destination => (
                "destination",
                (other, other_principal),
                (own, own_principal),
            ),
        };
        let called = self.peers.called(key.reporter, texts.text(key.cluster));
        let mut labels = String::with_capacity(1024);
        label(&mut labels, "reporter", reporter);
        end(&mut labels, "source", source.0, source.1);
        end(&mut labels, "destination", destination.0, destination.1);
        service(&mut labels, &called);
        let protocol = if key.grpc.is_some() { "grpc" } else { "http" };
        label(&mut labels, "request_protocol", protocol);
        label(&mut labels, "response_code", &key.code.to_string());
        let grpc = key.grpc.map(|id| texts.text(id)).unwrap_or_default();
        label(&mut labels, "grpc_response_status", grpc);
        label(&mut labels, "response_flags", texts.text(key.flags));
        let security = match key.security {
            Security::MutualTls => "mutual_tls",
            Security::None => "none",
            Security::Unknown => UNKNOWN,
        };
        label(&mut labels, "connection_security_policy", security);
        // What the scrape of a Pod adds on a cluster.
        label(&mut labels, "namespace", &own.namespace);
        label(&mut labels, "pod", &own.pod);
        labels
    }
}

fn end(labels: &mut String, end: &str, peer: &Peer, principal: &str) {
    let mut say = |name: &str, value: &str| label(labels, &format!("{end}_{name}"), value);
    say("workload", &peer.workload);
    say("workload_namespace", &peer.namespace);
    say("principal", principal);
    say("app", &peer.app);
    say("version", &peer.version);
    say("cluster", peer.cluster);
    say("canonical_service", &peer.canonical_service);
    say("canonical_revision", &peer.canonical_revision);
}

fn service(labels: &mut String, called: &Called) {
    label(labels, "destination_service", &called.host);
    label(labels, "destination_service_name", &called.name);
    label(labels, "destination_service_namespace", &called.namespace);
}

/// Adds `name="value"`, escaped as Prometheus wants it.
pub(crate) fn label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    labels.push_str(name);
    labels.push_str("=\"");
    for character in value.chars() {
        match character {
            '\\' => labels.push_str("\\\\"),
            '"' => labels.push_str("\\\""),
            '\n' => labels.push_str("\\n"),
            other => labels.push(other),
        }
    }
    labels.push('"');
}

impl Texts {
    fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.ids.insert(text.into(), id);
        self.texts.push(text.into());
        id
    }

    fn text(&self, id: u32) -> &str {
        let text = usize::try_from(id).ok().and_then(|id| self.texts.get(id));
        text.map_or(UNKNOWN, |text| text)
    }
}

impl Series {
    fn add(&mut self, line: &Line<'_>) {
        self.requests += 1;
        let histograms = [
            (&mut self.duration, line.duration),
            (&mut self.received, line.downstream_wire_bytes_received),
            (&mut self.sent, line.downstream_wire_bytes_sent),
        ];
        for (histogram, value) in histograms {
            if let Some(value) = value.0 {
                histogram.observe(value);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.duration.merge(&other.duration);
        self.received.merge(&other.received);
        self.sent.merge(&other.sent);
    }
}

impl Histogram {
    #[expect(clippy::cast_precision_loss, reason = "far above the last bound only")]
    fn observe(&mut self, value: u64) {
        let bucket = BUCKETS.partition_point(|bound| *bound < value as f64);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(value);
    }

    fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Nothing if nothing was observed: the log does not say everything.
    fn write(&self, name: &str, labels: &str, to: &mut String) {
        let total: u64 = self.counts.iter().sum();
        if total == 0 {
            return;
        }
        let mut below = 0;
        for (bound, count) in BUCKETS.iter().zip(self.counts) {
            below += count;
            let _ = writeln!(to, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}");
        }
        let _ = writeln!(to, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}");
        let _ = writeln!(to, "{name}_sum{{{labels}}} {}", self.sum);
        let _ = writeln!(to, "{name}_count{{{labels}}} {total}");
    }
}

#[cfg(test)]
mod tests;
