//! The metrics of a filter: counters, gauges and histograms.

use crate::status::Status;

/// The metrics. Each definition has its own number. Definitions with the same name and kind share one metric value.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    metrics: Vec<Metric>,
    /// The definitions of this VM. Each entry is an index into `metrics`.
    defined: Vec<usize>,
}

#[derive(Debug)]
struct Metric {
    kind: u32,
    name: String,
    value: u64,
    records: Vec<u64>,
}

pub(crate) const COUNTER: u32 = 0;
pub(crate) const GAUGE: u32 = 1;
pub(crate) const HISTOGRAM: u32 = 2;

impl Metrics {
    /// Swaps the metric values of two VMs. Each VM keeps its own definitions.
    pub(crate) fn swap_values(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.metrics, &mut other.metrics);
    }

    /// The value of a metric, or 0 if the metric does not exist.
    pub(crate) fn read(&self, kind: u32, name: &str) -> u64 {
        self.find(kind, name).map_or(0, |metric| metric.value)
    }

    pub(crate) fn records(&self, name: &str) -> Vec<u64> {
        let metric = self.find(HISTOGRAM, name);
        metric.map_or_else(Vec::new, |metric| metric.records.clone())
    }

    pub(crate) fn all(&self, kind: u32) -> Vec<(String, u64)> {
        let metrics = self.metrics.iter().filter(|metric| metric.kind == kind);
        let mut all: Vec<_> = metrics.map(|m| (m.name.clone(), m.value)).collect();
        all.sort();
        all
    }

    /// Defines a metric, and returns its number. The two lowest bits of the number are the kind, as in Envoy.
    pub(crate) fn define(&mut self, kind: u32, name: &str) -> Result<u32, Status> {
        if kind > HISTOGRAM {
            return Err(Status::BadArgument);
        }
        let known = self
            .metrics
            .iter()
            .position(|metric| metric.kind == kind && metric.name == name);
        let at = known.unwrap_or_else(|| {
            self.metrics.push(Metric {
                kind,
                name: name.to_owned(),
                value: 0,
                records: Vec::new(),
            });
            self.metrics.len() - 1
        });
        self.defined.push(at);
        let count = u32::try_from(self.defined.len()).map_err(|_| Status::InternalFailure)?;
        Ok((count << 2) | kind)
    }

    /// Adds `offset` to a metric. Returns the metric's name if the metric's value went below zero.
    pub(crate) fn increment(&mut self, id: u32, offset: i64) -> Result<Option<String>, Status> {
        if id & 3 > GAUGE {
            return Err(Status::BadArgument);
        }
        let metric = self.by_id(id)?;
        if metric.kind == COUNTER && offset <= 0 {
            return Err(Status::BadArgument);
        }
        let below = offset < 0 && offset.unsigned_abs() > metric.value;
        metric.value = metric.value.wrapping_add_signed(offset);
        Ok(below.then(|| metric.name.clone()))
    }

    pub(crate) fn record(&mut self, id: u32, value: u64) -> Result<(), Status> {
        let metric = self.by_id(id)?;
        match metric.kind {
            COUNTER => metric.value = metric.value.wrapping_add(value),
            GAUGE => metric.value = value,
            _ => metric.records.push(value),
        }
        Ok(())
    }

    pub(crate) fn get(&mut self, id: u32) -> Result<u64, Status> {
        if id & 3 > GAUGE {
            return Err(Status::BadArgument);
        }
        self.by_id(id).map(|metric| metric.value)
    }

    fn by_id(&mut self, id: u32) -> Result<&mut Metric, Status> {
        let at = usize::try_from(id >> 2).unwrap_or_default().wrapping_sub(1);
        let at = self.defined.get(at).ok_or(Status::NotFound)?;
        let metric = self.metrics.get_mut(*at);
        metric
            .filter(|metric| metric.kind == id & 3)
            .ok_or(Status::NotFound)
    }

    fn find(&self, kind: u32, name: &str) -> Option<&Metric> {
        let mut metrics = self.metrics.iter();
        metrics.find(|metric| metric.kind == kind && metric.name == name)
    }
}
