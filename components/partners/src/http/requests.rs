//! Decoding that several third parties share.

use http::StatusCode;
use serde::Serialize;
use stoa_service::idempotency::{Key, fingerprint};
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, json};
use stoa_service::sql::SqlError;
use stoa_service::{Problem, Request};

use crate::domain::fields::check_reference;
use crate::domain::script::Partner;

/// The `Idempotency-Key` of a request to `partner`, or 400.
pub(super) fn key(partner: Partner, request: &Request) -> Result<Key<'_>, Problem> {
    Ok(Key {
        owner: partner.word(),
        key: request.idempotency_key()?,
        fingerprint: fingerprint(request),
    })
}

/// Lists the entry with the `?reference=` of the request: one entry or none.
pub(super) fn list_of_reference<T: Serialize>(
    request: &Request,
    find: impl FnOnce(&str) -> Result<Option<T>, SqlError>,
) -> Answer {
    let [reference] = request.query(["reference"])?;
    let reference = reference
        .ok_or_else(|| Problem::bad_request("missing_parameter", "query: reference is missing"))?;
    check_reference(&reference)?;
    let page = Page {
        items: find(&reference)?.into_iter().collect(),
        next_page_token: None,
    };
    json(StatusCode::OK, &page)
}

/// The requested part of a list: the entry after which it begins, and its length.
pub(super) struct Window {
    pub(super) after: String,
    pub(super) limit: u32,
}

impl Window {
    /// Reads `limit` and `page_token`.
    pub(super) fn read(limit: Option<String>, token: Option<String>) -> Result<Self, Problem> {
        Ok(Self {
            limit: page::limit(limit.as_deref())?,
            after: page::cursor(token.as_deref())?.unwrap_or_default(),
        })
    }
}
