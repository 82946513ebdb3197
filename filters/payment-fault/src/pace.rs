//! Limits the rate at which a response's body reaches the caller.

/// The maximum number of bytes of a response that the filter holds back. Envoy aborts a response if it must hold more than 1 MiB.
pub const MAX_HELD_BYTES: u64 = 256 << 10;

/// The state of a response with a limited rate. At any time, the number of released bytes is at most the rate times the time since
/// the response began.
#[derive(Debug, Clone)]
pub struct Pace {
    bytes_per_second: u64,
    /// Milliseconds since the Unix epoch.
    began_at: u64,
    released: u64,
    held: u64,
}

impl Pace {
    /// Limits a response to this rate, at least 1 byte per second.
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            began_at: 0,
            released: 0,
            held: 0,
        }
    }

    /// Sets the time at which the response begins, in milliseconds since the Unix epoch.
    pub fn begin(&mut self, now: u64) {
        self.began_at = now;
    }

    /// Returns the time until which the filter must hold `size` bytes. `None`: release the bytes now. The returned time and `now`
    /// are in milliseconds since the Unix epoch. `was_released` is true if the bytes of the previous call were released meanwhile.
    /// If it is false, `size` includes the bytes of the previous call.
    pub fn hold(&mut self, size: u64, was_released: bool, now: u64) -> Option<u64> {
        if was_released {
            self.released += self.held;
        }
        self.held = size;
        let millis = (self.released + size).saturating_mul(1000) / self.bytes_per_second;
        let due = self.began_at.saturating_add(millis);
        if due > now && size <= MAX_HELD_BYTES {
            return Some(due);
        }
        self.released += size;
        self.held = 0;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_released_bytes_do_not_exceed_the_rate() {
        let mut pace = Pace::new(1_000);
        pace.begin(5_000);
        assert_eq!(pace.hold(100, false, 5_000), Some(5_100));
        // 200 more bytes arrive before the first 100 bytes are due, so the filter holds all 300 bytes.
        assert_eq!(pace.hold(300, false, 5_050), Some(5_300));
        // The 300 bytes were released meanwhile. The next 200 bytes are due when the rate permits 500 bytes in total.
        assert_eq!(pace.hold(200, true, 5_310), Some(5_500));
        assert_eq!(pace.hold(0, true, 5_500), None);
    }

    #[test]
    fn more_bytes_than_the_limit_are_released_at_once() {
        let mut pace = Pace::new(1);
        pace.begin(0);
        assert!(pace.hold(MAX_HELD_BYTES, false, 0).is_some());
        assert_eq!(pace.hold(MAX_HELD_BYTES + 1, false, 0), None);
    }
}
