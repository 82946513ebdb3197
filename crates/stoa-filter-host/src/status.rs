//! The status that a host call returns.

/// The status that a host call returns. The numbers are those of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// The call succeeded.
    Ok = 0,
    /// The header, property, key, queue, metric or function does not exist.
    NotFound = 1,
    /// An argument is out of range, or the object that it names is not available in the current callback.
    BadArgument = 2,
    /// A value cannot be converted to bytes.
    SerializationFailure = 3,
    /// Bytes cannot be parsed.
    ParseFailure = 4,
    /// A pointer is outside the filter's memory.
    InvalidMemoryAccess = 6,
    /// The queue is empty.
    Empty = 7,
    /// Another writer changed the value after the filter had read the value.
    CasMismatch = 8,
    /// The host failed.
    InternalFailure = 10,
    /// The host does not support the call.
    Unimplemented = 12,
}
