//! The carrier's reports about a parcel.

use serde::Serialize;
use stoa_service::Invalid;
use stoa_service::text::shorten;
use stoa_service::time::{self, Millis};

use super::status::Status;

/// The maximum length of a report's note, in characters as JSON Schema counts them.
pub const MAX_NOTE_LENGTH: usize = 500;

/// The carrier's report that a parcel's status has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The carrier's id of the report. A repeated report has the same id.
    pub event_id: String,
    /// The parcel's new status.
    pub status: Status,
    /// The time of the change, by the carrier's clock.
    pub at: Millis,
    /// The carrier's note for the customer.
    pub note: Option<String>,
}

impl Report {
    /// Checks the values of a report. `at` must be an RFC 3339 instant.
    pub fn new(
        event_id: String,
        status: Status,
        at: &str,
        note: Option<String>,
    ) -> Result<Self, Invalid> {
        if !(1..=128).contains(&event_id.len()) || !event_id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Invalid::new(format!(
                "event_id: `{}` is not 1 to 128 visible ASCII characters",
                shorten(&event_id)
            )));
        }
        if !status.is_reportable() {
            let word: &str = status.into();
            return Err(Invalid::new(format!(
                "status: the carrier cannot report `{word}`"
            )));
        }
        let length = note.as_ref().map_or(0, |note| note.chars().count());
        if length > MAX_NOTE_LENGTH {
            return Err(Invalid::new(format!(
                "note: has {length} characters, expected {MAX_NOTE_LENGTH} at most"
            )));
        }
        let at = time::parse(at).ok_or_else(|| {
            Invalid::new(format!("at: `{}` is not an RFC 3339 instant", shorten(at)))
        })?;
        Ok(Self {
            event_id,
            status,
            at,
            note,
        })
    }
}

/// An entry of a parcel's history, serialized as responses show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// The status as text, because a newer release that runs at the same time may have stored a status that this release does not
    /// know.
    pub status: String,
    /// The time of the change, RFC 3339.
    pub at: String,
    /// The carrier's note for the customer.
    pub note: Option<String>,
}
