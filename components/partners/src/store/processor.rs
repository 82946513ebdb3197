//! The card processor's charges and ledger in the database.

use stoa_service::idempotency::Key;
use stoa_service::money::Money;
use stoa_service::sql::{Database, Row, SqlError, transaction};
use stoa_service::time::{self, rfc3339};
use stoa_service::{id, params};

use super::keys;
use crate::domain::processor::{Charge, ChargeStatus, Entry, EntryKind, NewCharge, decide};
use crate::error::Error;

/// Charges the reference in `new`. If the reference already has a charge, returns that charge. A decline is stored like a capture;
/// [`Charge::charged`] turns a declined charge into an error for the caller.
pub fn charge(db: &dyn Database, key: &Key<'_>, new: &NewCharge) -> Result<Charge, Error> {
    transaction(db, &new.reference, || {
        keys::store(db, key)?;
        if let Some(charge) = find(db, &new.reference)? {
            return Ok(charge);
        }
        let decline_code = decide(&new.card_token)?;
        let (status, kind) = match decline_code {
            None => (ChargeStatus::Captured, EntryKind::Capture),
            Some(_) => (ChargeStatus::Declined, EntryKind::Decline),
        };
        let status: &str = status.into();
        db.execute(
            "INSERT INTO partners_charges (reference, charge_id, amount, currency, status, decline_code)
             VALUES ($1, $2, $3, $4, $5, $6)",
            params![
                &new.reference,
                id::new(),
                new.amount.amount,
                new.amount.currency.code(),
                status,
                decline_code
            ],
        )?;
        add_ledger_entry(db, &new.reference, kind, Some(new.amount))?;
        Ok(existing_charge(db, &new.reference)?)
    })
}

/// Refunds the captured charge of a reference, once. A reference without a charge is voided, so that later requests to charge this
/// reference are rejected.
pub fn refund(db: &dyn Database, key: &Key<'_>, reference: &str) -> Result<Charge, Error> {
    transaction(db, reference, || {
        keys::store(db, key)?;
        match find(db, reference)? {
            None => {
                db.execute(
                    "INSERT INTO partners_charges (reference, charge_id, status) VALUES ($1, $2, 'voided')",
                    params![reference, id::new()],
                )?;
                add_ledger_entry(db, reference, EntryKind::Void, None)?;
            }
            Some(charge) if charge.status == ChargeStatus::Captured => {
                db.execute(
                    "UPDATE partners_charges SET status = 'refunded' WHERE reference = $1 AND status = 'captured'",
                    params![reference],
                )?;
                add_ledger_entry(db, reference, EntryKind::Refund, charge.amount)?;
            }
            Some(_) => {}
        }
        Ok(existing_charge(db, reference)?)
    })
}

fn add_ledger_entry(
    db: &dyn Database,
    reference: &str,
    kind: EntryKind,
    amount: Option<Money>,
) -> Result<(), SqlError> {
    let kind: &str = kind.into();
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

/// Finds the charge of a reference.
pub fn find(db: &dyn Database, reference: &str) -> Result<Option<Charge>, SqlError> {
    db.execute(
        "SELECT charge_id, reference, amount, currency, status, decline_code FROM partners_charges WHERE reference = $1",
        params![reference],
    )?
    .one(|row| {
        Ok(Charge {
            charge_id: row.get(0)?,
            reference: row.get(1)?,
            amount: amount(row, 2)?,
            status: row.parse(4)?,
            decline_code: row.get(5)?,
        })
    })
}

/// Reads a charge that must exist, because this transaction has already written or read this charge.
fn existing_charge(db: &dyn Database, reference: &str) -> Result<Charge, SqlError> {
    find(db, reference)?
        .ok_or_else(|| SqlError::Other(format!("the charge of reference {reference} is missing")))
}

/// Lists at most `count` entries of the ledger, beginning after the entry id `after`. With a `reference`, lists only the entries of
/// that reference.
pub fn ledger(
    db: &dyn Database,
    reference: Option<&str>,
    after: &str,
    count: u32,
) -> Result<Vec<Entry>, SqlError> {
    let rows = match reference {
        Some(reference) => db.execute(
            "SELECT entry_id, reference, kind, amount, currency, at FROM partners_ledger
             WHERE reference = $1 AND entry_id > $2 ORDER BY entry_id LIMIT $3",
            params![reference, after, count],
        )?,
        None => db.execute(
            "SELECT entry_id, reference, kind, amount, currency, at FROM partners_ledger
             WHERE entry_id > $1 ORDER BY entry_id LIMIT $2",
            params![after, count],
        )?,
    };
    rows.map(|row| {
        Ok(Entry {
            entry_id: row.get(0)?,
            reference: row.get(1)?,
            kind: row.parse(2)?,
            amount: amount(row, 3)?,
            at: rfc3339(row.get(5)?),
        })
    })
}

/// Reads an amount of money: the amount is in column `first`, the currency in the next column.
fn amount(row: Row<'_>, first: usize) -> Result<Option<Money>, SqlError> {
    let amount: Option<i64> = row.get(first)?;
    amount
        .map(|amount| {
            let currency = row.parse(first + 1)?;
            Ok(Money { amount, currency })
        })
        .transpose()
}
