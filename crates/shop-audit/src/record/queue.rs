//! The state of outboxes and delivery queues.

use serde::Deserialize;

use super::instant::Instant;
use super::required::nullable;

/// The state of an outbox, or of the deliveries to a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawQueue")]
pub(crate) struct Queue {
    pub(crate) waiting: u64,
    /// Time at which the oldest waiting entry was created. It is always set while entries wait.
    pub(crate) oldest: Option<Instant>,
    /// Number of deliveries that the component `notification` gave up.
    pub(crate) failed: u64,
}

/// The state as the service returns it.
#[derive(Deserialize)]
struct RawQueue {
    waiting: u64,
    #[serde(deserialize_with = "nullable")]
    oldest: Option<Instant>,
    /// An outbox's state does not contain this member, because an outbox never gives up an event.
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
            return Err("`oldest` is null, although `waiting` is more than 0");
        }
        Ok(Self {
            waiting,
            oldest,
            failed,
        })
    }
}
