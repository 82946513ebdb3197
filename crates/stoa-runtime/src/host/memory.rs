//! The memory limit of an instance.
use wasmtime::{ResourceLimiter, Result};

/// Counts the linear memory of all modules of an instance, and rejects growth beyond the limit.
pub(crate) struct MemoryMeter {
    limit: usize,
    used: usize,
    /// The total size, in bytes, that the guest requested when its growth was last rejected; None if no growth was rejected.
    pub(crate) refused: Option<usize>,
}

impl MemoryMeter {
    /// `limit` is in bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            refused: None,
        }
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let total = self.used.saturating_add(desired.saturating_sub(current));
        if total > self.limit {
            self.refused = Some(total);
            return Ok(false);
        }
        self.used = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        // The growth of a table is always permitted here, because wasmtime's instance pool already limits the size of tables.
        Ok(true)
    }
}
