//! The card processor: one charge a reference, and a ledger of what moved money or refused to.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use stoa_service::money::Money;
use stoa_service::page::{self, Page};
use stoa_service::problem::Problem;
use stoa_service::request::Request;
use stoa_service::route::{Answer, json};
use stoa_service::sql::{Database, Row, SqlError, transaction};
use stoa_service::time::{self, rfc3339};
use stoa_service::{id, params};
use uuid::Uuid;

use crate::http::App;
use crate::script::played;
use crate::store::{check_reference, keep_key, key, list_of_reference};

const PARTNER: &str = "processor";

/// What the processor knows of a reference. A voided one that was never charged has no amount.
#[derive(Debug, Serialize)]
struct Charge {
    charge_id: Uuid,
    reference: String,
    amount: Option<Money>,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCharge {
    reference: String,
    amount: Money,
    card_token: String,
}

pub(crate) fn charge(app: &App, request: &Request) -> Answer {
    played(app, PARTNER, || {
        request.query([])?;
        let key = key(PARTNER, request)?;
        let new: NewCharge = request.json()?;
        check_reference(&new.reference)?;
        if new.amount.amount < 1 {
            return Err(Problem::invalid("amount.amount: 0 cannot be charged"));
        }
        let db = &*app.db;
        // A refusal of the bank is a result like any other: it is committed, and is an error only to the caller.
        let charge = transaction(db, &new.reference, || {
            keep_key(db, &key)?;
            match find(db, &new.reference)? {
                Some(charge) => Ok(charge),
                None => ask_the_bank(db, &new.reference, new.amount, &new.card_token),
            }
        })?;
        answer(&charge, new.amount)
    })
}

fn answer(charge: &Charge, amount: Money) -> Answer {
    let reference = &charge.reference;
    match charge.status.as_str() {
        "voided" => Err(Problem::conflict(
            "reference_voided",
            format!("reference: {reference} was called off and cannot be charged"),
        )),
        _ if charge.amount != Some(amount) => Err(Problem::conflict(
            "reference_differs",
            format!("reference: {reference} has a charge of another amount"),
        )),
        "declined" => Err(declined(
            charge,
            StatusCode::PAYMENT_REQUIRED,
            "card_declined",
        )),
        _ => json(StatusCode::CREATED, charge),
    }
}

fn declined(charge: &Charge, status: StatusCode, code: &'static str) -> Problem {
    let reason = charge.decline_code.clone().unwrap_or_default();
    Problem::new(status, code, format!("the card was declined: {reason}"))
        .with("decline_code", reason)
}

fn ask_the_bank(
    db: &dyn Database,
    reference: &str,
    amount: Money,
    token: &str,
) -> Result<Charge, Problem> {
    let decline_code = match token {
        "tok_visa" | "tok_mastercard" => None,
        "tok_declined" => Some("insufficient_funds"),
        "tok_error" => {
            return Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "processing_error",
                "the processor failed on its side",
            ));
        }
        _ => Some("invalid_token"),
    };
    let (status, kind) = match decline_code {
        None => ("captured", "capture"),
        Some(_) => ("declined", "decline"),
    };
    db.execute(
        "INSERT INTO partners_charges (reference, charge_id, amount, currency, status, decline_code)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            reference,
            id::new(),
            amount.amount,
            amount.currency.code(),
            status,
            decline_code
        ],
    )?;
    enter(db, reference, kind, Some(amount))?;
    known(db, reference)
}

fn enter(
    db: &dyn Database,
    reference: &str,
    kind: &str,
    amount: Option<Money>,
) -> Result<(), SqlError> {
    db.execute(
        "INSERT INTO partners_ledger (entry_id, reference, kind, amount, currency, at) VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            id::new(),
            reference,
            kind,
            amount.map(|a| a.amount),
            amount.map(|a| a.currency.code()),
            time::now()
        ],
    )
    .map(drop)
}

fn find(db: &dyn Database, reference: &str) -> Result<Option<Charge>, SqlError> {
    db.execute(
        "SELECT charge_id, reference, amount, currency, status, decline_code FROM partners_charges WHERE reference = $1",
        params![reference],
    )?
    .one(|row| {
        Ok(Charge {
            charge_id: row.get(0)?,
            reference: row.get(1)?,
            amount: amount(row, 2)?,
            status: row.get(4)?,
            decline_code: row.get(5)?,
        })
    })
}

fn known(db: &dyn Database, reference: &str) -> Result<Charge, Problem> {
    find(db, reference)?
        .ok_or_else(|| Problem::not_found(format!("reference: {reference} is not known")))
}

/// The amount in columns `first` and the next.
fn amount(row: Row<'_>, first: usize) -> Result<Option<Money>, SqlError> {
    let (amount, code): (Option<i64>, Option<String>) = (row.get(first)?, row.get(first + 1)?);
    let (Some(amount), Some(code)) = (amount, code) else {
        return Ok(None);
    };
    let currency = code.parse().map_err(SqlError::Other)?;
    Ok(Some(Money { amount, currency }))
}

pub(crate) fn charges(app: &App, request: &Request) -> Answer {
    played(app, PARTNER, || {
        list_of_reference(request, |reference| find(&*app.db, reference))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    reference: String,
}

pub(crate) fn refund(app: &App, request: &Request) -> Answer {
    played(app, PARTNER, || {
        request.query([])?;
        let key = key(PARTNER, request)?;
        let NewRefund { reference } = request.json()?;
        check_reference(&reference)?;
        let db = &*app.db;
        let charge = transaction(db, &reference, || {
            keep_key(db, &key)?;
            give_back(db, &reference)
        })?;
        if charge.status == "declined" {
            return Err(declined(&charge, StatusCode::CONFLICT, "charge_declined"));
        }
        json(
            StatusCode::OK,
            &serde_json::json!({"reference": charge.reference, "status": charge.status}),
        )
    })
}

/// A capture is given back once. A reference that was never charged is closed, so that a charge still on its way finds
/// the door shut.
fn give_back(db: &dyn Database, reference: &str) -> Result<Charge, Problem> {
    match find(db, reference)? {
        None => {
            db.execute(
                "INSERT INTO partners_charges (reference, charge_id, status) VALUES ($1, $2, 'voided')",
                params![reference, id::new()],
            )?;
            enter(db, reference, "void", None)?;
        }
        Some(charge) if charge.status == "captured" => {
            db.execute(
                "UPDATE partners_charges SET status = 'refunded' WHERE reference = $1 AND status = 'captured'",
                params![reference],
            )?;
            enter(db, reference, "refund", charge.amount)?;
        }
        Some(_) => {}
    }
    known(db, reference)
}

#[derive(Serialize)]
struct Entry {
    entry_id: Uuid,
    reference: String,
    kind: String,
    amount: Option<Money>,
    at: String,
}

/// The oracle of the tests: never scripted.
pub(crate) fn ledger(app: &App, request: &Request) -> Answer {
    let [reference, limit, token] = request.query(["reference", "limit", "page_token"])?;
    let limit = page::limit(limit.as_deref())?;
    let after: String = page::cursor(token.as_deref())?.unwrap_or_default();
    let rows = match &reference {
        Some(reference) => app.db.execute(
            "SELECT entry_id, reference, kind, amount, currency, at FROM partners_ledger
             WHERE reference = $1 AND entry_id > $2 ORDER BY entry_id LIMIT $3",
            params![reference, &after, limit + 1],
        )?,
        None => app.db.execute(
            "SELECT entry_id, reference, kind, amount, currency, at FROM partners_ledger
             WHERE entry_id > $1 ORDER BY entry_id LIMIT $2",
            params![&after, limit + 1],
        )?,
    };
    let entries = rows.map(|row| {
        Ok(Entry {
            entry_id: row.get(0)?,
            reference: row.get(1)?,
            kind: row.get(2)?,
            amount: amount(row, 3)?,
            at: rfc3339(row.get(5)?),
        })
    })?;
    json(
        StatusCode::OK,
        &Page::new(entries, limit, |entry| entry.entry_id),
    )
}
