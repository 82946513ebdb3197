//! HTTP calls that a filter makes itself.

use std::time::Duration;

use crate::message::{Request, Response};

/// A call that waits for its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Identifies the call in [`Vm::answer_call`](crate::Vm::answer_call).
    pub token: u32,
    /// The cluster that it calls.
    pub cluster: String,
    /// The request that it sends.
    pub request: Request,
    /// `None`: it waits without a limit.
    pub timeout: Option<Duration>,
    pub(crate) root: u32,
    pub(crate) due: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) waiting: Vec<Call>,
    /// Readable only in `on_http_call_response`.
    pub(crate) response: Option<Response>,
    /// The result of `get_status`.
    pub(crate) status: (u32, &'static str),
    made: u32,
}

impl Calls {
    /// Numbered as in Envoy, where the two lowest bits are the kind of call.
    pub(crate) fn token(&mut self) -> u32 {
        self.made = self.made.wrapping_add(4);
        self.made
    }

    pub(crate) fn take(&mut self, token: u32) -> Option<Call> {
        let at = self.waiting.iter().position(|call| call.token == token)?;
        Some(self.waiting.remove(at))
    }
}
