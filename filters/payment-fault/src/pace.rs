//! The rate at which a response's body may arrive.

/// Most bytes of a response that are held back. The proxy ends a response of which it holds more than its own limit (1 MiB).
pub const MOST_HELD_BYTES: u64 = 256 << 10;

/// A paced response: at any time, the released bytes are at most what the rate allows since the response began.
#[derive(Debug, Clone)]
pub struct Pace {
    bytes_per_second: u64,
    /// In milliseconds.
    since: u64,
    released: u64,
    held: u64,
}

impl Pace {
    /// Paces a response at this rate.
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            since: 0,
            released: 0,
            held: 0,
        }
    }

    /// The response begins.
    pub fn begin(&mut self, now: u64) {
        self.since = now;
    }

    /// Returns the time until which to hold the `size` bytes that wait; `None`: release them now. If `went`, the bytes held before
    /// were released meanwhile; otherwise they are part of `size`.
    pub fn hold(&mut self, size: u64, went: bool, now: u64) -> Option<u64> {
        if went {
            self.released += self.held;
        }
        self.held = size;
        let millis = (self.released + size).saturating_mul(1000) / self.bytes_per_second;
        let due = self.since.saturating_add(millis);
        if due > now && size <= MOST_HELD_BYTES {
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
    fn what_has_gone_is_never_more_than_the_rate_allows() {
        let mut pace = Pace::new(1_000);
        pace.begin(5_000);
        assert_eq!(pace.hold(100, false, 5_000), Some(5_100));
        // More arrives before the first part is due: now all of it waits.
        assert_eq!(pace.hold(300, false, 5_050), Some(5_300));
        // That part was released. The next part is due when the rate allows both.
        assert_eq!(pace.hold(200, true, 5_310), Some(5_500));
        assert_eq!(pace.hold(0, true, 5_500), None);
    }

    #[test]
    fn too_much_is_let_go() {
        let mut pace = Pace::new(1);
        pace.begin(0);
        assert!(pace.hold(MOST_HELD_BYTES, false, 0).is_some());
        assert_eq!(pace.hold(MOST_HELD_BYTES + 1, false, 0), None);
    }
}
