//! The carrier's reports about a parcel.

use serde::Serialize;
use stoa_service::Invalid;
use stoa_service::text::shorten;
use stoa_service::time::{self, Millis};

use super::status::Status;

/// The longest note of a report, in characters, as JSON Schema counts them.
pub const MAX_NOTE: usize = 500;

/// A change of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The carrier's id of the report: a repeat has the same one.
    pub event_id: String,
    /// The parcel's new status.
    pub status: Status,
    /// When it happened, by the carrier's clock.
    pub at: Millis,
    /// For the customer.
    pub note: Option<String>,
}

impl Report {
    /// Checks the values of a report; `at` is RFC 3339.
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
                "status: `{word}` is not one that a parcel can have"
            )));
        }
        let length = note.as_ref().map_or(0, |note| note.chars().count());
        if length > MAX_NOTE {
            return Err(Invalid::new(format!(
                "note: {length} characters given, expected {MAX_NOTE} at most"
            )));
        }
        let at = time::parse(at).ok_or_else(|| {
            Invalid::new(format!(
                "at: `{}` is not an instant of RFC 3339",
                shorten(at)
            ))
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
    /// The status' word. Text, since a newer release that runs at the same time may have written an unknown status.
    pub status: String,
    /// RFC 3339.
    pub at: String,
    /// For the customer.
    pub note: Option<String>,
}
