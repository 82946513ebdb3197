//! The outcome of a call: [`Fate`], and the [`Gate`] that can hold one.
#![expect(
    clippy::unwrap_used,
    reason = "a test whose gate breaks cannot continue"
)]

use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;
use stoa_service::outbound::{CallError, Reply};
use stoa_service::testing::reply;

/// The outcome of one call.
#[derive(Debug, Clone)]
pub enum Fate {
    /// The call is done and its response arrives.
    Answered,
    /// The call was not sent.
    NotSent,
    /// The request was lost on the way.
    LostBefore,
    /// The call was done and its response was lost.
    LostAfter,
    /// A proxy answered 503 before the call was done.
    FailedBefore,
    /// The call was done, then a proxy answered 503.
    FailedAfter,
    /// The caller died before the call arrived.
    DiedBefore,
    /// The call was done, then the caller died before the response arrived.
    DiedAfter,
    /// The call waits at the gate, then is done.
    HeldBefore(Arc<Gate>),
    /// The call is done, then its response waits at the gate.
    HeldAfter(Arc<Gate>),
}

/// All fates that need no gate.
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
    /// Applies the fate to a call whose effect is `work`.
    pub(super) fn befall(self, work: impl FnOnce() -> Reply) -> Result<Reply, CallError> {
        let lost = || Err(CallError::Lost("the line is cut".to_owned()));
        match self {
            Fate::Answered => Ok(work()),
            Fate::NotSent => Err(CallError::NotSent("nobody is there".to_owned())),
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
            // Unwinds without a panic message; the test catches it, as the host would.
            Fate::DiedBefore => resume_unwind(Box::new("died")),
            Fate::DiedAfter => {
                work();
                resume_unwind(Box::new("died"))
            }
            Fate::HeldBefore(gate) => {
                gate.pass();
                Ok(work())
            }
            Fate::HeldAfter(gate) => {
                let reply = work();
                gate.pass();
                Ok(reply)
            }
        }
    }
}

/// Holds a call until the test releases it.
#[derive(Debug, Default)]
pub struct Gate(Mutex<(bool, bool)>, Condvar);

impl Gate {
    fn pass(&self) {
        self.0.lock().unwrap().0 = true;
        self.1.notify_all();
        let state = self.0.lock().unwrap();
        drop(self.1.wait_while(state, |(_, open)| !*open).unwrap());
    }

    /// Waits until a call is held at the gate. Dropping the returned value opens the gate, so a failing test still ends.
    pub fn wait_for_a_call(&self) -> impl Drop + '_ {
        let state = self.0.lock().unwrap();
        let (state, waited) = self
            .1
            .wait_timeout_while(state, Duration::from_secs(60), |(came, _)| !*came)
            .unwrap();
        drop(state);
        assert!(!waited.timed_out(), "no call came to the gate");
        Opening(self)
    }

    fn open(&self) {
        self.0.lock().unwrap().1 = true;
        self.1.notify_all();
    }
}

struct Opening<'a>(&'a Gate);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}
