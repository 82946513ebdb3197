//! The limit of an instance's memory.
use wasmtime::{ResourceLimiter, Result};

/// Counts the linear memory of an instance, all its modules together.
pub(crate) struct MemoryMeter {
    limit: usize,
    used: usize,
    /// The size in bytes that the guest requested when the limit was exceeded.
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
        // The pool bounds tables.
        Ok(true)
    }
}
