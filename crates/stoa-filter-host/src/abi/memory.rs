//! The filter's memory.

use wasmtime::{AsContextMut, Caller};

use crate::host::{Host, number};
use crate::status::Status;

/// A filter during a call.
pub(super) struct Guest<'a>(pub(super) Caller<'a, Host>);

impl Guest<'_> {
    pub(super) fn host(&mut self) -> &mut Host {
        self.0.data_mut()
    }

    fn memory(&mut self) -> Result<(&mut [u8], &mut Host), Stop> {
        let memory = self.0.data().memory.ok_or(Status::InvalidMemoryAccess)?;
        Ok(memory.data_and_store_mut(&mut self.0))
    }

    /// Bytes in the filter's memory, and the host for using them.
    pub(super) fn bytes(&mut self, at: u32, size: u32) -> Result<(&[u8], &mut Host), Stop> {
        let (memory, host) = self.memory()?;
        Ok((part(memory, at, size)?, host))
    }

    /// A copy of bytes in the filter's memory.
    pub(super) fn copy(&mut self, at: u32, size: u32) -> Result<Vec<u8>, Stop> {
        Ok(self.bytes(at, size)?.0.to_vec())
    }

    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Stop> {
        let (memory, _) = self.memory()?;
        let start = usize::try_from(at).map_err(|_| Status::InvalidMemoryAccess)?;
        let end = start
            .checked_add(bytes.len())
            .ok_or(Status::InvalidMemoryAccess)?;
        let part = memory
            .get_mut(start..end)
            .ok_or(Status::InvalidMemoryAccess)?;
        part.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, at: u32, value: u32) -> Result<(), Stop> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, at: u32, value: u64) -> Result<(), Stop> {
        self.write(at, &value.to_le_bytes())
    }

    /// Copies bytes to memory that the filter allocates. Empty bytes become a null pointer.
    pub(super) fn give(&mut self, bytes: &[u8], at: u32, size_at: u32) -> Result<(), Stop> {
        let pointer = match bytes.is_empty() {
            true => 0,
            false => self.allocate(bytes)?,
        };
        self.write_u32(at, pointer)?;
        self.write_u32(size_at, number(bytes.len()))
    }

    fn allocate(&mut self, bytes: &[u8]) -> Result<u32, Stop> {
        let allocate = self.host().allocate.clone();
        let allocate = allocate.ok_or(Status::InvalidMemoryAccess)?;
        self.host().restricted = true;
        let pointer = allocate
            .call(self.0.as_context_mut(), number(bytes.len()))
            .map_err(Stop::Trap)?;
        self.host().restricted = false;
        if pointer == 0 {
            return Err(Status::InvalidMemoryAccess.into());
        }
        self.write(pointer, bytes)?;
        Ok(pointer)
    }
}

fn part(memory: &[u8], at: u32, size: u32) -> Result<&[u8], Stop> {
    let start = usize::try_from(at).map_err(|_| Status::InvalidMemoryAccess)?;
    let size = usize::try_from(size).map_err(|_| Status::InvalidMemoryAccess)?;
    let end = start.checked_add(size);
    let end = end.ok_or(Status::InvalidMemoryAccess)?;
    Ok(memory.get(start..end).ok_or(Status::InvalidMemoryAccess)?)
}

/// Why a call ends early.
pub(super) enum Stop {
    Status(Status),
    Trap(wasmtime::Error),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}
