//! HTTP calls that a filter makes.

use std::time::Duration;

use crate::message::{Request, Response};

/// An HTTP call that a filter made, and whose response has not arrived yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Identifies the call in [`Vm::answer_call`](crate::Vm::answer_call).
    pub token: u32,
    /// The name of the called cluster.
    pub cluster: String,
    /// The request that the filter sends in this call.
    pub request: Request,
    /// The timeout of the call. `None`: no timeout.
    pub timeout: Option<Duration>,
    pub(crate) root: u32,
    pub(crate) due: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) waiting: Vec<Call>,
    /// The response of the HTTP call, which the filter can read. Set only during `on_http_call_response`.
    pub(crate) response: Option<Response>,
    /// The status that the filter reads with `get_status`: a code and a message.
    pub(crate) status: (u32, &'static str),
    last_token: u32,
}

impl Calls {
    /// Returns a new token. As in Envoy, the two lowest bits are the kind of call, here 0 for HTTP.
    pub(crate) fn token(&mut self) -> u32 {
        self.last_token = self.last_token.wrapping_add(4);
        self.last_token
    }

    pub(crate) fn take(&mut self, token: u32) -> Option<Call> {
        let at = self.waiting.iter().position(|call| call.token == token)?;
        Some(self.waiting.remove(at))
    }
}
