//! The scripts. They are stored in the database, because an instance lives for one request only.

use stoa_service::params;
use stoa_service::sql::{Database, Row, SqlError};

use crate::domain::script::{Partner, Script};

/// Returns the script for one request, and decrements the script's `remaining` count if it has one.
pub fn consume(db: &dyn Database, partner: Partner) -> Result<Script, SqlError> {
    // Usually no script is set. This function therefore reads first, and writes only if it has found a script.
    let found = db
        .execute(
            "SELECT mode, status, delay_ms, remaining FROM partners_scripts WHERE partner = $1",
            params![partner.as_str()],
        )?
        .one(|row| script(row, 0))?;
    if found.is_none_or(|script| script.remaining == Some(0)) {
        return Ok(Script::NONE);
    }
    let consumed = db
        .execute(
            "UPDATE partners_scripts SET remaining = remaining - 1
             WHERE partner = $1 AND (remaining IS NULL OR remaining > 0)
             RETURNING mode, status, delay_ms, remaining",
            params![partner.as_str()],
        )?
        .one(|row| script(row, 0))?;
    Ok(consumed.unwrap_or(Script::NONE))
}

/// Lists each third party that has a script, with the script.
pub fn all(db: &dyn Database) -> Result<Vec<(Partner, Script)>, SqlError> {
    db.execute(
        "SELECT partner, mode, status, delay_ms, remaining FROM partners_scripts",
        &[],
    )?
    .map(|row| Ok((row.parse(0)?, script(row, 1)?)))
}

/// Sets the script of a third party.
pub fn put(db: &dyn Database, partner: Partner, script: &Script) -> Result<(), SqlError> {
    let mode: &str = script.mode.into();
    db.execute(
        "INSERT INTO partners_scripts (partner, mode, status, delay_ms, remaining) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (partner) DO UPDATE SET mode = excluded.mode, status = excluded.status,
         delay_ms = excluded.delay_ms, remaining = excluded.remaining",
        params![
            partner.as_str(),
            mode,
            script.status,
            script.delay_ms,
            script.remaining
        ],
    )
    .map(drop)
}

/// Deletes the script of a third party.
pub fn delete(db: &dyn Database, partner: Partner) -> Result<(), SqlError> {
    db.execute(
        "DELETE FROM partners_scripts WHERE partner = $1",
        params![partner.as_str()],
    )
    .map(drop)
}

/// Reads a script from column `first` and the next three columns.
fn script(row: Row<'_>, first: usize) -> Result<Script, SqlError> {
    Ok(Script {
        mode: row.parse(first)?,
        status: row.get(first + 1)?,
        delay_ms: row.get(first + 2)?,
        remaining: row.get(first + 3)?,
    })
}
