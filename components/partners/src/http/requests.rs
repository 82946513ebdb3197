//! Decodes the parts of requests that are the same for several third parties.

use http::StatusCode;
use serde::Serialize;
use stoa_service::idempotency::{Key, fingerprint};
use stoa_service::page::{self, Page};
use stoa_service::route::{Answer, json};
use stoa_service::sql::SqlError;
use stoa_service::{Problem, Request};

use crate::domain::fields::check_reference;
use crate::domain::script::Partner;

/// The `Idempotency-Key` of a request to `partner`. A request without this header gets 400.
pub(super) fn idempotency_key(partner: Partner, request: &Request) -> Result<Key<'_>, Problem> {
    Ok(Key {
        owner: partner.as_str(),
        key: request.idempotency_key()?,
        fingerprint: fingerprint(request),
    })
}

/// Finds the entry whose reference is the query parameter `reference`. Answers with a list that contains only this entry, or with
/// an empty list.
pub(super) fn list_by_reference<T: Serialize>(
    request: &Request,
    find: impl FnOnce(&str) -> Result<Option<T>, SqlError>,
) -> Answer {
    let [reference] = request.query(["reference"])?;
    let reference = reference.ok_or_else(|| {
        Problem::bad_request(
            "missing_parameter",
            "query: the parameter reference is missing",
        )
    })?;
    check_reference(&reference)?;
    let page = Page {
        items: find(&reference)?.into_iter().collect(),
        next_page_token: None,
    };
    json(StatusCode::OK, &page)
}

/// The requested page of a list: the entry after which the page begins, and the maximum number of entries.
pub(super) struct PageRequest {
    pub(super) after: String,
    pub(super) limit: u32,
}

impl PageRequest {
    /// Reads the query parameters `limit` and `page_token`.
    pub(super) fn read(limit: Option<String>, token: Option<String>) -> Result<Self, Problem> {
        Ok(Self {
            limit: page::limit(limit.as_deref())?,
            after: page::cursor(token.as_deref())?.unwrap_or_default(),
        })
    }
}
