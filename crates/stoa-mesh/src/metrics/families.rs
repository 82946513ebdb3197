//! The metric families of Istio's standard metrics, for one page.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::labels::Labels;
use super::series::{Histogram, Series};

/// The values that all counts have when one page is rendered.
#[derive(Debug)]
pub(crate) struct Families {
    /// The series, sorted by their labels. No two series have the same labels.
    pub(super) series: Vec<(Labels, Series)>,
    /// The number of log lines that could not be parsed.
    pub(super) malformed: u64,
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.requests(&mut encoder)?;
        self.histogram(
            &mut encoder,
            "istio_request_duration_milliseconds",
            "Time from a request's first byte to its response's last byte, in milliseconds. The buckets' counts are exact.",
            |series| &series.duration,
        )?;
        self.histogram(
            &mut encoder,
            "istio_request_bytes",
            "Size of a request on the wire, in bytes. The buckets' counts are exact.",
            |series| &series.received,
        )?;
        self.histogram(
            &mut encoder,
            "istio_response_bytes",
            "Size of a response on the wire, in bytes. The buckets' counts are exact.",
            |series| &series.sent,
        )?;
        let malformed = encoder.encode_descriptor(
            "stoa_access_log_malformed",
            "Access log lines that could not be parsed. The istio_* metrics do not count the requests that these lines describe.",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(self.malformed).encode(malformed)
    }
}

impl Families {
    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if self.series.is_empty() {
            return Ok(());
        }
        let mut requests = encoder.encode_descriptor(
            "istio_requests",
            "Requests, counted once by the caller's Envoy and once by the callee's Envoy. This standard metric of Istio is made from the access logs.",
            None,
            MetricType::Counter,
        )?;
        for (labels, series) in &self.series {
            let counter = ConstCounter::new(series.requests);
            counter.encode(requests.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn histogram(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        histogram_of: fn(&Series) -> &Histogram,
    ) -> fmt::Result {
        let all = self
            .series
            .iter()
            .map(|(labels, series)| (labels, histogram_of(series)));
        let mut observed = all
            .filter(|(_, histogram)| !histogram.is_empty())
            .peekable();
        if observed.peek().is_none() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in observed {
            family
                .encode_family(labels)?
                .encode_histogram::<NoLabelSet>(
                    histogram.sum(),
                    histogram.count(),
                    &histogram.buckets(),
                    None,
                )?;
        }
        Ok(())
    }
}
