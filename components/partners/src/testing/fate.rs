//! What happens to a call in a test ([`Fate`]), and a [`Gate`] that can hold a call.
#![expect(
    clippy::unwrap_used,
    reason = "a failure of the gate must fail the test"
)]

use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;
use stoa_service::outbound::{CallError, Reply};
use stoa_service::testing::reply;

/// What happens to one call: whether the third party does the work, and whether the caller gets the response.
#[derive(Debug, Clone)]
pub enum Fate {
    /// The third party does the work, and the response arrives.
    Answered,
    /// The caller cannot connect, so the request is not sent.
    NotSent,
    /// The request is lost, so the third party does not do the work.
    LostBefore,
    /// The third party does the work, and the response is lost.
    LostAfter,
    /// A proxy answers 503, and the third party does not do the work.
    FailedBefore,
    /// The third party does the work, but the caller gets a 503 from a proxy instead of the response.
    FailedAfter,
    /// The caller dies before the third party does the work.
    DiedBefore,
    /// The third party does the work, and the caller dies before the response arrives.
    DiedAfter,
    /// The request waits at a [`Gate`] until the test opens the gate. Then the third party does the work.
    HeldBefore(Arc<Gate>),
    /// The third party does the work. Then the response waits at a [`Gate`] until the test opens the gate.
    HeldAfter(Arc<Gate>),
}

/// All fates that do not need a gate.
pub const FATES: [Fate; 8] = [
    Fate::Answered,
    Fate::NotSent,
    Fate::LostBefore,
    Fate::LostAfter,
    Fate::FailedBefore,
    Fate::FailedAfter,
    Fate::DiedBefore,
    Fate::DiedAfter,
];

impl Fate {
    /// Applies the fate to a call. `work` does the work of the third party and returns its response.
    pub(super) fn apply(self, work: impl FnOnce() -> Reply) -> Result<Reply, CallError> {
        let lost = || Err(CallError::Lost("the connection was cut".to_owned()));
        match self {
            Fate::Answered => Ok(work()),
            Fate::NotSent => Err(CallError::NotSent("connection refused".to_owned())),
            Fate::LostBefore => lost(),
            Fate::LostAfter => {
                work();
                lost()
            }
            Fate::FailedBefore => reply(503, json!({})),
            Fate::FailedAfter => {
                work();
                reply(503, json!({}))
            }
            // Unwinds without a panic message. The test catches the unwinding, as the host catches the death of an instance.
            Fate::DiedBefore => resume_unwind(Box::new("died")),
            Fate::DiedAfter => {
                work();
                resume_unwind(Box::new("died"))
            }
            Fate::HeldBefore(gate) => {
                gate.hold();
                Ok(work())
            }
            Fate::HeldAfter(gate) => {
                let reply = work();
                gate.hold();
                Ok(reply)
            }
        }
    }
}

/// Holds a call until the test releases it.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    call_arrived: bool,
    open: bool,
}

impl Gate {
    fn hold(&self) {
        let mut state = self.state.lock().unwrap();
        state.call_arrived = true;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| !state.open).unwrap());
    }

    /// Waits until a call is held at the gate. Dropping the returned value opens the gate, so the held call ends even if the test
    /// fails.
    pub fn wait_for_a_call(&self) -> impl Drop + '_ {
        let state = self.state.lock().unwrap();
        let (state, waited) = self
            .changed
            .wait_timeout_while(state, Duration::from_secs(60), |state| !state.call_arrived)
            .unwrap();
        drop(state);
        assert!(
            !waited.timed_out(),
            "no call arrived at the gate within 60 s"
        );
        OpenOnDrop(self)
    }

    fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }
}

struct OpenOnDrop<'a>(&'a Gate);

impl Drop for OpenOnDrop<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}
