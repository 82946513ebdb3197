//! The scripts. They are in the database, since an instance lives for one request.

use stoa_service::params;
use stoa_service::sql::{Database, Row, SqlError};

use crate::domain::script::{Partner, Script};

/// The script of this request. It decrements a script for a limited number of requests.
pub fn take(db: &dyn Database, partner: Partner) -> Result<Script, SqlError> {
    // Usually there is no script: then nothing is written.
    let found = db
        .execute(
            "SELECT mode, status, delay_ms, remaining FROM partners_scripts WHERE partner = $1",
            params![partner.word()],
        )?
        .one(|row| script(row, 0))?;
    if found.is_none_or(|script| script.remaining == Some(0)) {
        return Ok(Script::NONE);
    }
    let taken = db
        .execute(
            "UPDATE partners_scripts SET remaining = remaining - 1
             WHERE partner = $1 AND (remaining IS NULL OR remaining > 0)
             RETURNING mode, status, delay_ms, remaining",
            params![partner.word()],
        )?
        .one(|row| script(row, 0))?;
    Ok(taken.unwrap_or(Script::NONE))
}

/// All scripts that are set.
pub fn all(db: &dyn Database) -> Result<Vec<(Partner, Script)>, SqlError> {
    db.execute(
        "SELECT partner, mode, status, delay_ms, remaining FROM partners_scripts",
        &[],
    )?
    .map(|row| Ok((row.word(0)?, script(row, 1)?)))
}

/// Sets the script of a third party.
pub fn put(db: &dyn Database, partner: Partner, script: &Script) -> Result<(), SqlError> {
    let mode: &str = script.mode.into();
    db.execute(
        "INSERT INTO partners_scripts (partner, mode, status, delay_ms, remaining) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (partner) DO UPDATE SET mode = excluded.mode, status = excluded.status,
         delay_ms = excluded.delay_ms, remaining = excluded.remaining",
        params![
            partner.word(),
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
        params![partner.word()],
    )
    .map(drop)
}

/// A script in columns `first` and the next three.
fn script(row: Row<'_>, first: usize) -> Result<Script, SqlError> {
    Ok(Script {
        mode: row.word(first)?,
        status: row.get(first + 1)?,
        delay_ms: row.get(first + 2)?,
        remaining: row.get(first + 3)?,
    })
}
