//! The routes of the card processor.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use stoa_service::Request;
use stoa_service::page::Page;
use stoa_service::route::{Answer, json};

use super::requests::{PageRequest, idempotency_key, list_by_reference};
use super::scripted::with_script;
use crate::app::App;
use crate::domain::fields::check_reference;
use crate::domain::processor::NewCharge;
use crate::domain::script::Partner;
use crate::store::processor;

pub(super) fn charge(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Processor, || {
        request.query([])?;
        let key = idempotency_key(Partner::Processor, request)?;
        let new: NewCharge = request.json()?;
        new.check()?;
        let charge = processor::charge(&*app.db, &key, &new)?;
        json(StatusCode::CREATED, &charge.charged(new.amount)?)
    })
}

pub(super) fn charges(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Processor, || {
        list_by_reference(request, |reference| processor::find(&*app.db, reference))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    reference: String,
}

pub(super) fn refund(app: &App, request: &Request) -> Answer {
    with_script(app, Partner::Processor, || {
        request.query([])?;
        let key = idempotency_key(Partner::Processor, request)?;
        let NewRefund { reference } = request.json()?;
        check_reference(&reference)?;
        let charge = processor::refund(&*app.db, &key, &reference)?.refunded()?;
        let refund = json!({"reference": charge.reference, "status": charge.status});
        json(StatusCode::OK, &refund)
    })
}

/// Lists the entries of the ledger: all, or the entries of one reference. Scripts never apply, because tests use the ledger as the
/// oracle.
pub(super) fn ledger(app: &App, request: &Request) -> Answer {
    let [reference, limit, token] = request.query(["reference", "limit", "page_token"])?;
    let PageRequest { after, limit } = PageRequest::read(limit, token)?;
    let entries = processor::ledger(&*app.db, reference.as_deref(), &after, limit + 1)?;
    json(
        StatusCode::OK,
        &Page::new(entries, limit, |entry| entry.entry_id),
    )
}
