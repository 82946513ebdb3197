//! The failures that several steps of an order share.

use serde_json::{Map, Value};

use crate::clients::outcome::Refusal;
use crate::domain::{Failure, Reason};

/// The failure of an order if the service `peer` is unavailable.
pub fn unavailable(peer: &str) -> Failure {
    Failure::new(
        Reason::Unavailable,
        format!("the {peer} service is unavailable"),
    )
}

/// The failure of an order if too few units are in stock. `refusal` is the rejection by the service `inventory`.
pub fn out_of_stock(refusal: &Refusal) -> Failure {
    Failure {
        members: member(&refusal.members, "short"),
        ..Failure::new(
            Reason::InsufficientStock,
            "items: too few units are in stock",
        )
    }
}

/// The member `name` of a problem document, as a map with one entry. The map is empty if the document does not have the member.
pub fn member(members: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let value = members.get(name).cloned();
    value
        .map(|value| (name.to_owned(), value))
        .into_iter()
        .collect()
}
