//! Counts of requests that have the same labels.

use super::line::Line;

/// Upper bounds: Envoy's defaults, which Istio does not change. Here a bucket counts values up to its bound exactly. Envoy's
/// histograms keep two digits of a value, so its buckets may count up to 10 % more.
pub(super) const BUCKETS: [f64; 19] = [
    0.5, 1., 5., 10., 25., 50., 100., 250., 500., 1_000., 2_500., 5_000., 10_000., 30_000.,
    60_000., 300_000., 600_000., 1_800_000., 3_600_000.,
];

/// Requests with the same labels.
#[derive(Debug, Default, Clone)]
pub(super) struct Series {
    pub(super) requests: u64,
    pub(super) duration: Histogram,
    pub(super) received: Histogram,
    pub(super) sent: Histogram,
}

/// Counts per bucket, not cumulative; the last bucket is above all bounds.
#[derive(Debug, Default, Clone)]
pub(super) struct Histogram {
    counts: [u64; BUCKETS.len() + 1],
    sum: u64,
}

impl Series {
    /// Counts one request.
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

    /// Whether nothing was observed: the log may lack the field.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// Each bucket's upper bound and its own count.
    pub(super) fn buckets(&self) -> [(f64, u64); BUCKETS.len() + 1] {
        let mut buckets = [(f64::INFINITY, 0); BUCKETS.len() + 1];
        let bounds = BUCKETS.into_iter().chain([f64::INFINITY]);
        for (bucket, both) in buckets.iter_mut().zip(bounds.zip(self.counts)) {
            *bucket = both;
        }
        buckets
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    pub(super) fn sum(&self) -> f64 {
        self.sum as f64
    }
}
