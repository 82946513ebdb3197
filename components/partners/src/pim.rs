//! The PIM: richer descriptions of products, which a supplier writes.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use stoa_service::problem::Problem;
use stoa_service::request::Request;
use stoa_service::route::{Answer, json};

use crate::http::App;
use crate::script::played;

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    sku: &'a str,
    description: &'a str,
    image: &'a str,
}

pub(crate) fn show(app: &App, request: &Request) -> Answer {
    played(app, "pim", || {
        request.query([])?;
        let sku = request.param("sku");
        let entries: Vec<Entry<'static>> = serde_json::from_str(include_str!("../pim.json"))
            .map_err(|error| {
                Problem::unavailable("the PIM's data cannot be read").caused_by(error.to_string())
            })?;
        let entry = entries.iter().find(|e| e.sku == sku).ok_or_else(|| {
            Problem::not_found(format!(
                "sku: `{}` is not known",
                stoa_service::text::shorten(sku)
            ))
        })?;
        json(StatusCode::OK, entry)
    })
}
