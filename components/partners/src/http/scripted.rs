//! Applies a third party's script to the requests that this third party gets.

use std::time::Duration;

use stoa_service::route::Answer;

use crate::app::App;
use crate::domain::script::{Mode, Partner, Script};
use crate::error::Error;
use crate::store::scripts;

/// Answers a request to `partner` as the partner's script defines. `work` must have stored its effects when it returns, because in
/// the mode `lost_response` the effects must remain.
pub(super) fn with_script(app: &App, partner: Partner, work: impl FnOnce() -> Answer) -> Answer {
    let script = scripts::consume(&*app.db, partner)?;
    match script.mode {
        Mode::Ok => work(),
        Mode::Error => Err(scripted_error(partner, &script).into()),
        Mode::LostResponse => {
            let _ = work();
            Err(scripted_error(partner, &script).into())
        }
        Mode::Slow => {
            let answer = work();
            std::thread::sleep(Duration::from_millis(script.delay_ms.into()));
            answer
        }
    }
}

fn scripted_error(partner: Partner, script: &Script) -> Error {
    Error::Scripted {
        partner: partner.as_str(),
        // The status was checked when the script was set, so it is in range.
        status: u16::try_from(script.status).unwrap_or_default(),
    }
}
