//! Outboxes and deliveries.

use serde::Deserialize;

use super::instant::Instant;
use super::required::nullable;

/// The state of an outbox, or of the deliveries to a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawQueue")]
pub(crate) struct Queue {
    pub(crate) waiting: u64,
    /// Set if anything waits.
    pub(crate) oldest: Option<Instant>,
    /// Number of deliveries that were given up.
    pub(crate) failed: u64,
}

/// As the service sends it.
#[derive(Deserialize)]
struct RawQueue {
    waiting: u64,
    #[serde(deserialize_with = "nullable")]
    oldest: Option<Instant>,
    /// Absent in outboxes, which never give up.
    #[serde(default)]
    failed: u64,
}

impl TryFrom<RawQueue> for Queue {
    type Error = &'static str;

    fn try_from(raw: RawQueue) -> Result<Self, Self::Error> {
        let RawQueue {
            waiting,
            oldest,
            failed,
        } = raw;
        if waiting > 0 && oldest.is_none() {
            return Err("oldest: null, and something waits");
        }
        Ok(Self {
            waiting,
            oldest,
            failed,
        })
    }
}
