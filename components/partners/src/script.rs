//! Scripted failures: what a third party does to the next requests. Kept in the database, since an instance lives for
//! one request.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use stoa_service::page::Page;
use stoa_service::params;
use stoa_service::problem::Problem;
use stoa_service::request::Request;
use stoa_service::route::{Answer, json, no_content};
use stoa_service::sql::{Database, Row, SqlError};

use crate::http::App;

/// The longest delay, in milliseconds.
pub const MAX_DELAY_MS: u32 = 60_000;

/// The third parties.
pub const PARTNERS: [&str; 5] = ["pim", "processor", "carrier", "courier", "sms"];

/// How a third party behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As it should.
    Ok,
    /// Answers `status` and does nothing.
    Error,
    /// Does what it is asked and answers `status`.
    LostResponse,
    /// Does what it is asked and answers after `delay_ms`.
    Slow,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::LostResponse => "lost_response",
            Self::Slow => "slow",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Ok, Self::Error, Self::LostResponse, Self::Slow]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    mode: Mode,
    #[serde(default = "unavailable")]
    status: u32,
    #[serde(default)]
    delay_ms: u32,
    #[serde(default)]
    remaining: Option<u32>,
}

fn unavailable() -> u32 {
    503
}

const AS_IT_SHOULD: Script = Script {
    mode: Mode::Ok,
    status: 503,
    delay_ms: 0,
    remaining: None,
};

#[derive(Serialize)]
struct View {
    partner: &'static str,
    #[serde(flatten)]
    script: Script,
}

/// Answers a request to `partner` as its script says. `work` must be whole when it returns: what a lost response did,
/// it did.
pub fn played(app: &App, partner: &str, work: impl FnOnce() -> Answer) -> Answer {
    let script = turn(&*app.db, partner)?;
    match script.mode {
        Mode::Ok => work(),
        Mode::Error => Err(scripted(partner, script.status)),
        Mode::LostResponse => {
            let _ = work();
            Err(scripted(partner, script.status))
        }
        Mode::Slow => {
            let answer = work();
            std::thread::sleep(Duration::from_millis(script.delay_ms.into()));
            answer
        }
    }
}

fn scripted(partner: &str, status: u32) -> Problem {
    let status = u16::try_from(status)
        .ok()
        .and_then(|s| StatusCode::from_u16(s).ok())
        .unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    Problem::new(
        status,
        "scripted",
        format!("{partner} is scripted to answer {status}"),
    )
}

/// The script of this request, whose turn is thereby used up.
fn turn(db: &dyn Database, partner: &str) -> Result<Script, SqlError> {
    // Nearly always there is none: then nothing is written.
    if find(db, partner)?.is_none_or(|s| s.remaining == Some(0)) {
        return Ok(AS_IT_SHOULD);
    }
    let taken = db
        .execute(
            "UPDATE partners_scripts SET remaining = remaining - 1
             WHERE partner = $1 AND (remaining IS NULL OR remaining > 0)
             RETURNING mode, status, delay_ms, remaining",
            params![partner],
        )?
        .one(script)?;
    Ok(taken.unwrap_or(AS_IT_SHOULD))
}

fn find(db: &dyn Database, partner: &str) -> Result<Option<Script>, SqlError> {
    db.execute(
        "SELECT mode, status, delay_ms, remaining FROM partners_scripts WHERE partner = $1",
        params![partner],
    )?
    .one(script)
}

fn script(row: Row<'_>) -> Result<Script, SqlError> {
    let mode: String = row.get(0)?;
    Ok(Script {
        mode: Mode::from_word(&mode)
            .ok_or_else(|| SqlError::Other(format!("partners_scripts.mode holds `{mode}`")))?,
        status: row.get(1)?,
        delay_ms: row.get(2)?,
        remaining: row.get(3)?,
    })
}

fn known(request: &Request) -> Result<&'static str, Problem> {
    let asked = request.param("partner");
    PARTNERS.into_iter().find(|p| *p == asked).ok_or_else(|| {
        Problem::not_found(format!(
            "partner: `{}` is not one of {}",
            stoa_service::text::shorten(asked),
            PARTNERS.join(", ")
        ))
    })
}

pub(crate) fn put(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let partner = known(request)?;
    let script: Script = request.json()?;
    if !(400..=599).contains(&script.status) {
        return Err(Problem::invalid(format!(
            "status: {} is not between 400 and 599",
            script.status
        )));
    }
    if script.delay_ms > MAX_DELAY_MS {
        return Err(Problem::invalid(format!(
            "delay_ms: {} is not between 0 and {MAX_DELAY_MS} milliseconds",
            script.delay_ms
        )));
    }
    app.db.execute(
        "INSERT INTO partners_scripts (partner, mode, status, delay_ms, remaining) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (partner) DO UPDATE SET mode = excluded.mode, status = excluded.status,
         delay_ms = excluded.delay_ms, remaining = excluded.remaining",
        params![
            partner,
            script.mode.word(),
            script.status,
            script.delay_ms,
            script.remaining
        ],
    )?;
    json(StatusCode::OK, &View { partner, script })
}

pub(crate) fn delete(app: &App, request: &Request) -> Answer {
    request.query([])?;
    app.db.execute(
        "DELETE FROM partners_scripts WHERE partner = $1",
        params![known(request)?],
    )?;
    no_content()
}

pub(crate) fn list(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let items = PARTNERS
        .into_iter()
        .map(|partner| {
            let script = find(&*app.db, partner)?.unwrap_or(AS_IT_SHOULD);
            Ok(View { partner, script })
        })
        .collect::<Result<Vec<_>, SqlError>>()?;
    json(
        StatusCode::OK,
        &Page {
            items,
            next_page_token: None,
        },
    )
}
