//! Applies scripts to requests.

use std::time::Duration;

use stoa_service::route::Answer;

use crate::app::App;
use crate::domain::script::{Mode, Partner, Script};
use crate::error::Error;
use crate::store::scripts;

/// Answers a request to `partner` by its script. `work` must be complete when it returns: if the response is lost, the
/// work stays done.
pub(super) fn play(app: &App, partner: Partner, work: impl FnOnce() -> Answer) -> Answer {
    let script = scripts::take(&*app.db, partner)?;
    match script.mode {
        Mode::Ok => work(),
        Mode::Error => Err(scripted(partner, &script).into()),
        Mode::LostResponse => {
            let _ = work();
            Err(scripted(partner, &script).into())
        }
        Mode::Slow => {
            let answer = work();
            std::thread::sleep(Duration::from_millis(script.delay_ms.into()));
            answer
        }
    }
}

fn scripted(partner: Partner, script: &Script) -> Error {
    Error::Scripted {
        partner: partner.word(),
        // Checked when the script was set.
        status: u16::try_from(script.status).unwrap_or_default(),
    }
}
