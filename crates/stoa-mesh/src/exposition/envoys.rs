//! What this program reports about each Envoy.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The labels of one Envoy.
pub(super) type EnvoyLabels = Vec<(&'static str, String)>;

/// One Envoy on the page.
#[derive(Debug)]
pub(super) struct EnvoyReport {
    pub(super) labels: EnvoyLabels,
    pub(super) restarts: u32,
    /// `None` if the Envoy did not answer in time.
    pub(super) answered: Option<Answered>,
}

/// The page's data about an Envoy that answered, beside its own families.
#[derive(Debug)]
pub(super) struct Answered {
    /// Rejected updates, by kind of configuration.
    pub(super) rejected: BTreeMap<&'static str, u64>,
    /// Expiry in seconds since 1970, by the certificate's name.
    pub(super) expiries: BTreeMap<String, u64>,
}

/// All Envoys, sorted by their labels.
#[derive(Debug)]
pub(super) struct EnvoyReports(pub(super) Vec<EnvoyReport>);

impl Collector for EnvoyReports {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        // On a cluster, Prometheus reports this itself.
        let mut up = encoder.encode_descriptor(
            "stoa_envoy_up",
            "Whether the Envoy answered this scrape in time; if not, its other families are missing from the page.",
            None,
            MetricType::Gauge,
        )?;
        for report in &self.0 {
            let answered = u64::from(report.answered.is_some());
            gauge(&mut up, &report.labels, answered)?;
        }
        let mut restarts = encoder.encode_descriptor(
            "stoa_envoy_restarts",
            "How often the Envoy ended and was started again since `stoa up` started.",
            None,
            MetricType::Counter,
        )?;
        for report in &self.0 {
            counter(&mut restarts, &report.labels, report.restarts.into())?;
        }
        if self.0.iter().all(|report| report.answered.is_none()) {
            return Ok(());
        }
        let mut rejected = encoder.encode_descriptor(
            "stoa_envoy_rejected_updates",
            "Updates of configuration that the Envoy refused, by kind; it keeps what it had. From 0 again when it starts again.",
            None,
            MetricType::Counter,
        )?;
        for (labels, answered) in self.answered() {
            for (kind, count) in &answered.rejected {
                counter(&mut rejected, &with(labels, "type", kind), *count)?;
            }
        }
        if self
            .answered()
            .all(|(_, answered)| answered.expiries.is_empty())
        {
            return Ok(());
        }
        let mut expiries = encoder.encode_descriptor(
            "stoa_certificate_expiry_timestamp_seconds",
            "When the certificate that the Envoy presents expires, in seconds since 1970.",
            None,
            MetricType::Gauge,
        )?;
        for (labels, answered) in self.answered() {
            for (subject, expiry) in &answered.expiries {
                gauge(&mut expiries, &with(labels, "subject", subject), *expiry)?;
            }
        }
        Ok(())
    }
}

impl EnvoyReports {
    fn answered(&self) -> impl Iterator<Item = (&EnvoyLabels, &Answered)> {
        let all = self.0.iter();
        all.filter_map(|report| Some((&report.labels, report.answered.as_ref()?)))
    }
}

fn with(labels: &EnvoyLabels, name: &'static str, value: &str) -> EnvoyLabels {
    let own = labels.iter().cloned();
    own.chain([(name, value.to_owned())]).collect()
}

fn gauge(family: &mut MetricEncoder<'_>, labels: &EnvoyLabels, value: u64) -> fmt::Result {
    ConstGauge::new(value).encode(family.encode_family(labels)?)
}

fn counter(family: &mut MetricEncoder<'_>, labels: &EnvoyLabels, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(family.encode_family(labels)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::render;

    fn labels(pod: &str) -> EnvoyLabels {
        vec![("pod", pod.to_owned())]
    }

    #[test]
    fn an_envoy_that_does_not_answer_is_down_and_the_others_are_reported() {
        let answered = Answered {
            rejected: BTreeMap::from([("cds", 2)]),
            expiries: BTreeMap::from([("spiffe://a".to_owned(), 120)]),
        };
        let reports = [("a", 3, Some(answered)), ("b", 0, None)];
        let reports = reports.map(|(pod, restarts, answered)| EnvoyReport {
            labels: labels(pod),
            restarts,
            answered,
        });
        let page = render(vec![Box::new(EnvoyReports(reports.into()))]);
        let lines = page.lines().filter(|line| !line.starts_with("# HELP "));
        let expected = [
            "# TYPE stoa_envoy_up gauge",
            "stoa_envoy_up{pod=\"a\"} 1",
            "stoa_envoy_up{pod=\"b\"} 0",
            "# TYPE stoa_envoy_restarts_total counter",
            "stoa_envoy_restarts_total{pod=\"a\"} 3",
            "stoa_envoy_restarts_total{pod=\"b\"} 0",
            "# TYPE stoa_envoy_rejected_updates_total counter",
            "stoa_envoy_rejected_updates_total{pod=\"a\",type=\"cds\"} 2",
            "# TYPE stoa_certificate_expiry_timestamp_seconds gauge",
            "stoa_certificate_expiry_timestamp_seconds{pod=\"a\",subject=\"spiffe://a\"} 120",
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
        assert_eq!(render(vec![Box::new(EnvoyReports(Vec::new()))]), "");
    }
}
