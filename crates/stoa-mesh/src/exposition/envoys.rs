//! This program's own metrics about each Envoy.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The labels of one Envoy.
pub(super) type EnvoyLabels = Vec<(&'static str, String)>;

/// The metrics of one Envoy.
#[derive(Debug)]
pub(super) struct EnvoyReport {
    pub(super) labels: EnvoyLabels,
    pub(super) restarts: u32,
    /// The values that the Envoy's responses contain. `None` if the Envoy did not answer in time.
    pub(super) scrape: Option<ScrapeReport>,
}

/// The values that are computed from an Envoy's responses to one scrape.
#[derive(Debug)]
pub(super) struct ScrapeReport {
    /// Number of updates that the Envoy rejected, by the kind of configuration, such as `cds`.
    pub(super) rejected: BTreeMap<&'static str, u64>,
    /// The expiry of each certificate, in seconds since 1970, by the name in the certificate.
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
        // The metric `stoa_envoy_up` is needed only for a mesh on one machine. On a cluster, it is not needed, because Prometheus
        // itself scrapes each Envoy and reports in the metric `up` whether the scrape succeeded.
        let mut up = encoder.encode_descriptor(
            "stoa_envoy_up",
            "1 if the Envoy answered this scrape in time, else 0. If the value is 0, the page does not contain the other metrics of the Envoy.",
            None,
            MetricType::Gauge,
        )?;
        for report in &self.0 {
            let up_value = u64::from(report.scrape.is_some());
            gauge(&mut up, &report.labels, up_value)?;
        }
        let mut restarts = encoder.encode_descriptor(
            "stoa_envoy_restarts",
            "Restarts of the Envoy since `stoa up` started.",
            None,
            MetricType::Counter,
        )?;
        for report in &self.0 {
            counter(&mut restarts, &report.labels, report.restarts.into())?;
        }
        if self.0.iter().all(|report| report.scrape.is_none()) {
            return Ok(());
        }
        let mut rejected = encoder.encode_descriptor(
            "stoa_envoy_rejected_updates",
            "Configuration updates that the Envoy rejected, by the kind of configuration; the Envoy kept its previous configuration. A restart of the Envoy resets the count to 0.",
            None,
            MetricType::Counter,
        )?;
        for (labels, scrape) in self.scrapes() {
            for (kind, count) in &scrape.rejected {
                counter(&mut rejected, &with_label(labels, "type", kind), *count)?;
            }
        }
        if self.scrapes().all(|(_, scrape)| scrape.expiries.is_empty()) {
            return Ok(());
        }
        let mut expiries = encoder.encode_descriptor(
            "stoa_certificate_expiry_timestamp_seconds",
            "The time at which the certificate that the Envoy presents expires, in seconds since 1970.",
            None,
            MetricType::Gauge,
        )?;
        for (labels, scrape) in self.scrapes() {
            for (subject, expiry) in &scrape.expiries {
                gauge(
                    &mut expiries,
                    &with_label(labels, "subject", subject),
                    *expiry,
                )?;
            }
        }
        Ok(())
    }
}

impl EnvoyReports {
    fn scrapes(&self) -> impl Iterator<Item = (&EnvoyLabels, &ScrapeReport)> {
        let all = self.0.iter();
        all.filter_map(|report| Some((&report.labels, report.scrape.as_ref()?)))
    }
}

fn with_label(labels: &EnvoyLabels, name: &'static str, value: &str) -> EnvoyLabels {
    let labels = labels.iter().cloned();
    labels.chain([(name, value.to_owned())]).collect()
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
        let scrape = ScrapeReport {
            rejected: BTreeMap::from([("cds", 2)]),
            expiries: BTreeMap::from([("spiffe://a".to_owned(), 120)]),
        };
        let reports = [("a", 3, Some(scrape)), ("b", 0, None)];
        let reports = reports.map(|(pod, restarts, scrape)| EnvoyReport {
            labels: labels(pod),
            restarts,
            scrape,
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
