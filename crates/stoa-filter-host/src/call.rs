//! HTTP calls that a filter makes on its own.

use std::time::Duration;

use crate::message::{Request, Response};

/// A call that awaits its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What to answer it by.
    pub token: u32,
    /// The cluster that it names.
    pub cluster: String,
    /// What it sends.
    pub request: Request,
    /// `None`: it waits for ever.
    pub timeout: Option<Duration>,
    pub(crate) root: u32,
    pub(crate) due: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) waiting: Vec<Call>,
    /// Readable only in `on_http_call_response`.
    pub(crate) response: Option<Response>,
    /// What `get_status` says.
    pub(crate) status: (u32, &'static str),
    made: u32,
}

impl Calls {
    /// Numbered as in Envoy, where the two lowest bits say the kind of call.
    pub(crate) fn token(&mut self) -> u32 {
        self.made = self.made.wrapping_add(4);
        self.made
    }

    pub(crate) fn take(&mut self, token: u32) -> Option<Call> {
        let at = self.waiting.iter().position(|call| call.token == token)?;
        Some(self.waiting.remove(at))
    }
}
