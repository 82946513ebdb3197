//! Access to the filter's memory during a host call.

use wasmtime::{AsContextMut, Caller};

use crate::host::{Host, abi_size};
use crate::status::Status;

/// The filter that makes the current host call.
pub(super) struct Guest<'a>(pub(super) Caller<'a, Host>);

impl Guest<'_> {
    pub(super) fn host(&mut self) -> &mut Host {
        self.0.data_mut()
    }

    fn memory(&mut self) -> Result<(&mut [u8], &mut Host), CallError> {
        let memory = self.0.data().memory.ok_or(Status::InvalidMemoryAccess)?;
        Ok(memory.data_and_store_mut(&mut self.0))
    }

    /// Borrows bytes in the filter's memory. Also returns the host, so that the caller can use the bytes and the host at the same
    /// time.
    pub(super) fn bytes(&mut self, at: u32, size: u32) -> Result<(&[u8], &mut Host), CallError> {
        let (memory, host) = self.memory()?;
        Ok((part(memory, at, size)?, host))
    }

    /// Copies bytes from the filter's memory.
    pub(super) fn copy(&mut self, at: u32, size: u32) -> Result<Vec<u8>, CallError> {
        Ok(self.bytes(at, size)?.0.to_vec())
    }

    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), CallError> {
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

    pub(super) fn write_u32(&mut self, at: u32, value: u32) -> Result<(), CallError> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, at: u32, value: u64) -> Result<(), CallError> {
        self.write(at, &value.to_le_bytes())
    }

    /// Returns bytes to the filter. Copies the bytes to memory that the filter allocates, writes their pointer to the address `at`,
    /// and writes their size to the address `size_at`. If there are no bytes, the pointer is null.
    pub(super) fn return_bytes(
        &mut self,
        bytes: &[u8],
        at: u32,
        size_at: u32,
    ) -> Result<(), CallError> {
        let pointer = match bytes.is_empty() {
            true => 0,
            false => self.allocate(bytes)?,
        };
        self.write_u32(at, pointer)?;
        self.write_u32(size_at, abi_size(bytes.len()))
    }

    fn allocate(&mut self, bytes: &[u8]) -> Result<u32, CallError> {
        let allocate = self.host().allocate.clone();
        let allocate = allocate.ok_or(Status::InvalidMemoryAccess)?;
        self.host().restricted = true;
        let pointer = allocate
            .call(self.0.as_context_mut(), abi_size(bytes.len()))
            .map_err(CallError::Trap)?;
        self.host().restricted = false;
        if pointer == 0 {
            return Err(Status::InvalidMemoryAccess.into());
        }
        self.write(pointer, bytes)?;
        Ok(pointer)
    }
}

fn part(memory: &[u8], at: u32, size: u32) -> Result<&[u8], CallError> {
    let start = usize::try_from(at).map_err(|_| Status::InvalidMemoryAccess)?;
    let size = usize::try_from(size).map_err(|_| Status::InvalidMemoryAccess)?;
    let end = start.checked_add(size);
    let end = end.ok_or(Status::InvalidMemoryAccess)?;
    Ok(memory.get(start..end).ok_or(Status::InvalidMemoryAccess)?)
}

/// The reason why a host call fails: a status for the filter, or a trap, which crashes the filter.
pub(super) enum CallError {
    Status(Status),
    Trap(wasmtime::Error),
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}
