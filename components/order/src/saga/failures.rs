//! Reasons for a failure that several steps share.

use serde_json::{Map, Value};

use crate::clients::outcome::Refusal;
use crate::domain::{Failure, Reason};

/// `peer` does not answer.
pub fn unavailable(peer: &str) -> Failure {
    Failure::new(Reason::Unavailable, format!("{peer} does not answer"))
}

/// Inventory cannot serve the order's lines, or cannot any more.
pub fn out_of_stock(refusal: &Refusal) -> Failure {
    Failure {
        members: selected(&refusal.members, "short"),
        ..Failure::new(Reason::InsufficientStock, "lines: not enough is in stock")
    }
}

/// The member `name` of a problem document, if it has one.
pub fn selected(members: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let value = members.get(name).cloned();
    value
        .map(|value| (name.to_owned(), value))
        .into_iter()
        .collect()
}
