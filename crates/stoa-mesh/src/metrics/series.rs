//! Counts the requests that have the same labels.

use super::line::Line;

/// The upper bounds of a histogram's buckets. They are Envoy's defaults, which Istio does not change. A bucket of this crate counts
/// exactly the values up to its bound. A bucket of Envoy's own histograms may also count values that are up to 10 % above its
/// bound, because Envoy keeps only two digits of a value.
pub(super) const BUCKET_BOUNDS: [f64; 19] = [
    0.5, 1., 5., 10., 25., 50., 100., 250., 500., 1_000., 2_500., 5_000., 10_000., 30_000.,
    60_000., 300_000., 600_000., 1_800_000., 3_600_000.,
];

/// The counts of requests with the same labels.
#[derive(Debug, Default, Clone)]
pub(super) struct Series {
    pub(super) requests: u64,
    pub(super) duration: Histogram,
    pub(super) received: Histogram,
    pub(super) sent: Histogram,
}

/// The count of each bucket. A count does not include the counts of buckets with lower bounds. The last bucket counts the values
/// above all bounds.
#[derive(Debug, Default, Clone)]
pub(super) struct Histogram {
    counts: [u64; BUCKET_BOUNDS.len() + 1],
    sum: u64,
}

impl Series {
    /// Counts the request that one log line describes.
    pub(super) fn add(&mut self, line: &Line<'_>) {
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

    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.duration.merge(&other.duration);
        self.received.merge(&other.received);
        self.sent.merge(&other.sent);
    }
}

impl Histogram {
    #[expect(
        clippy::cast_precision_loss,
        reason = "only values far above the last bound lose precision"
    )]
    fn observe(&mut self, value: u64) {
        let bucket = BUCKET_BOUNDS.partition_point(|bound| *bound < value as f64);
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

    /// True if no value was observed, for example because the access log does not contain the field from which the values are read.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// The upper bound and the count of each bucket. A count does not include the counts of buckets with lower bounds.
    pub(super) fn buckets(&self) -> [(f64, u64); BUCKET_BOUNDS.len() + 1] {
        let mut buckets = [(f64::INFINITY, 0); BUCKET_BOUNDS.len() + 1];
        let bounds = BUCKET_BOUNDS.into_iter().chain([f64::INFINITY]);
        for (bucket, both) in buckets.iter_mut().zip(bounds.zip(self.counts)) {
            *bucket = both;
        }
        buckets
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "a sum up to 2^53 is exact")]
    pub(super) fn sum(&self) -> f64 {
        self.sum as f64
    }
}
