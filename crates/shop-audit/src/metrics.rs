//! Renders verdicts as metrics in Prometheus' text format.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::error::AuditError;
use crate::judgement::Judgement;
use crate::verdict::Verdict;

/// The media type of [`Tally::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// The results of the audits so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    sound: u64,
    breached: u64,
    failed: u64,
    /// Whether the last audit reached a verdict.
    up: bool,
    last: Option<Verdict>,
}

impl Tally {
    /// Counts an audit. After a failed audit, the other metrics keep the values of the last verdict.
    pub fn add(&mut self, audit: &Result<Verdict, AuditError>) {
        self.up = audit.is_ok();
        match audit {
            Ok(verdict) if verdict.sound => self.sound += 1,
            Ok(_) => self.breached += 1,
            Err(_) => self.failed += 1,
        }
        if let Ok(verdict) = audit {
            self.last = Some(verdict.clone());
        }
    }

    /// Whether any audit found a breach.
    pub fn has_breach(&self) -> bool {
        self.breached > 0
    }

    /// The metrics, in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut registry = Registry::with_prefix("stoa_audit");
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Tally {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut metrics = Metrics(encoder);
        let runs = [
            ("sound", self.sound),
            ("breach", self.breached),
            ("failed", self.failed),
        ];
        metrics.runs(&runs)?;
        let help = "1 if the last audit could read all records, otherwise 0.";
        metrics.gauge("up", help, u64::from(self.up))?;
        match &self.last {
            Some(verdict) => metrics.verdict(verdict),
            None => Ok(()),
        }
    }
}

/// Writes metrics. The registry adds the prefix `stoa_audit_` to every name, and the format adds `_total` to counters.
struct Metrics<'a>(DescriptorEncoder<'a>);

impl Metrics<'_> {
    fn runs(&mut self, results: &[(&str, u64)]) -> fmt::Result {
        let help = "Audits by result.";
        let kind = MetricType::Counter;
        let mut runs = self.0.encode_descriptor("runs", help, None, kind)?;
        for (result, count) in results {
            let labels = [("result", *result)];
            ConstCounter::new(*count).encode(runs.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let kind = MetricType::Gauge;
        let gauge = self.0.encode_descriptor(name, help, None, kind)?;
        ConstGauge::new(value).encode(gauge)
    }

    fn by_invariant(
        &mut self,
        verdict: &Verdict,
        name: &str,
        help: &str,
        value: impl Fn(&Judgement) -> u64,
    ) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut gauges = self.0.encode_descriptor(name, help, None, kind)?;
        for judgement in &verdict.judgements {
            let labels = [("invariant", judgement.invariant)];
            ConstGauge::new(value(judgement)).encode(gauges.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn verdict(&mut self, verdict: &Verdict) -> fmt::Result {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let help = "Records that break the invariant.";
        self.by_invariant(verdict, "breaches", help, |j| count(j.breaches.len()))?;
        let help = "Records that were checked for the invariant.";
        self.by_invariant(verdict, "checked", help, |j| j.checked)?;
        let help = "Suspects that did not become breaches.";
        self.by_invariant(verdict, "settled", help, |j| j.settled)?;
        let help = "Messages that the notification service permanently gave up.";
        self.gauge("given_up", help, verdict.given_up)?;
        let help = "Number of third parties' lists (the processor's ledger, the carrier's book) that were compared with the shop's records.";
        self.gauge("books", help, count(verdict.books.len()))?;
        let help = "Snapshots that the last audit took.";
        self.gauge("snapshots", help, verdict.snapshots.into())?;
        let help = "The old name of stoa_audit_snapshots, which stoa 0.3 removes.";
        self.gauge("looks", help, verdict.snapshots.into())?;
        let help = "Duration of the last audit in seconds.";
        let kind = MetricType::Gauge;
        let name = "duration_seconds";
        let duration = self.0.encode_descriptor(name, help, None, kind)?;
        ConstGauge::new(verdict.seconds).encode(duration)?;
        let at = verdict.at.parse::<jiff::Timestamp>();
        let at = at.map_or(0, |at| u64::try_from(at.as_second()).unwrap_or(0));
        let help = "Time at which the last audit with a verdict began its last snapshot.";
        self.gauge("last_run_timestamp_seconds", help, at)
    }
}
