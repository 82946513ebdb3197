//! The results of host calls.

/// The result of a host call, by its number in the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// No such header, property, key, queue, metric or function.
    NotFound = 1,
    /// An argument is out of range, or the object that it names is not available in this callback.
    BadArgument = 2,
    /// A value cannot be written as bytes.
    SerializationFailure = 3,
    /// Bytes cannot be read.
    ParseFailure = 4,
    /// A pointer is outside the filter's memory.
    InvalidMemoryAccess = 6,
    /// The queue is empty.
    Empty = 7,
    /// Another writer changed the value meanwhile.
    CasMismatch = 8,
    /// Something failed in the host.
    InternalFailure = 10,
    /// The host does not have this call.
    Unimplemented = 12,
}
