//! The counts as the families of Istio's standard metrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::labels::Labels;
use super::series::{Histogram, Series};

/// A snapshot for one page.
#[derive(Debug)]
pub(crate) struct Families {
    /// Sorted by labels; each set of labels once.
    pub(super) series: Vec<(Labels, Series)>,
    pub(super) malformed: u64,
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.requests(&mut encoder)?;
        self.histogram(
            &mut encoder,
            "istio_request_duration_milliseconds",
            "Time from a request's first byte to its response's last, exact: a bucket has what took its bound or less.",
            |series| &series.duration,
        )?;
        self.histogram(
            &mut encoder,
            "istio_request_bytes",
            "Bytes of requests on the wire, exact.",
            |series| &series.received,
        )?;
        self.histogram(
            &mut encoder,
            "istio_response_bytes",
            "Bytes of responses on the wire, exact.",
            |series| &series.sent,
        )?;
        let malformed = encoder.encode_descriptor(
            "stoa_access_log_malformed",
            "Lines of the access logs that could not be read, and so are missing in istio_*.",
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
            "Requests, counted at both ends: Istio's standard metric, made of the access logs.",
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
        of: fn(&Series) -> &Histogram,
    ) -> fmt::Result {
        let all = self
            .series
            .iter()
            .map(|(labels, series)| (labels, of(series)));
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
