//! One stream as Envoy's filter manager and its Wasm context keep it.

use std::time::Duration;

use crate::Headers;
use crate::local_reply::LocalReply;
use crate::message::{Reply, Request, Response, Verdict};
use crate::misuse::Side;
use crate::property::Properties;

/// Whether a filter lets a message go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flow {
    #[default]
    On,
    /// Paused at the body or the trailers: more of it still reaches the filter.
    Stopped,
    /// Paused at the headers: what follows waits outside.
    StoppedAll,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub(crate) headers: Option<Headers>,
    pub(crate) trailers: Option<Headers>,
    /// Which of them the filter may read and change now.
    pub(crate) headers_open: bool,
    pub(crate) trailers_open: bool,
    pub(crate) body_open: bool,
    /// The piece of body that passes.
    pub(crate) chunk: Vec<u8>,
    /// What waits.
    pub(crate) buffer: Option<Vec<u8>>,
    /// The filter asked for the whole body so far.
    pub(crate) buffering: bool,
    /// What passes is the buffer itself.
    pub(crate) replaying: bool,
    pub(crate) body_changed: bool,
    pub(crate) flow: Flow,
    pub(crate) headers_passed: bool,
    /// Bytes of the body that have come.
    pub(crate) received: usize,
    /// All of it has come.
    pub(crate) complete: bool,
    /// The filter has seen its end.
    pub(crate) ended: bool,
    /// What has left.
    pub(crate) sent: Option<Headers>,
    pub(crate) sent_body: Vec<u8>,
    pub(crate) sent_trailers: Headers,
    pub(crate) done: bool,
}

impl Half {
    /// The body that the filter sees.
    pub(crate) fn body(&self) -> &[u8] {
        match self.buffering || self.replaying {
            true => self.buffer.as_deref().unwrap_or_default(),
            false if self.body_open => &self.chunk,
            false => &[],
        }
    }

    /// As above, to be changed; `None` when it cannot be.
    pub(crate) fn body_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self.buffering || (self.replaying && self.body_open) {
            true => self.buffer.as_mut(),
            false if self.body_open => Some(&mut self.chunk),
            false => None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) root: u32,
    /// When the request's headers came.
    pub(crate) begun: Duration,
    pub(crate) request: Half,
    pub(crate) response: Half,
    /// The filter knows it. Not so after a crash that fails open.
    pub(crate) created: bool,
    pub(crate) deleted: bool,
    pub(crate) end_of_stream: bool,
    /// As the caller asked, whatever the filter makes of it.
    pub(crate) head: bool,
    pub(crate) grpc: bool,
    pub(crate) logging: bool,
    pub(crate) properties: Properties,
    pub(crate) filter_state: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) route_cache_clears: u32,
    /// The callback that runs, as far as it decides about replies.
    pub(crate) calling: Option<Side>,
    pub(crate) prepared: Option<LocalReply>,
    pub(crate) request_aborted: bool,
    pub(crate) response_aborted: bool,
    /// Details and gRPC status of the local reply that is or was sent.
    pub(crate) replied: Option<(String, Option<u32>)>,
    pub(crate) reset: bool,
    /// The crash was answered.
    pub(crate) failed: bool,
    pub(crate) failure_replied: bool,
}

impl Exchange {
    pub(crate) fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// Nothing more can come of it.
    pub(crate) fn over(&self) -> bool {
        self.reset || self.response.done
    }

    pub(crate) fn request_verdict(&self) -> Verdict<Request> {
        if self.request.done {
            return Verdict::Forwarded(self.upstream().unwrap_or_default());
        }
        if self.reset {
            return Verdict::Reset;
        }
        if self.replied.is_some() {
            return self.replied_or(&self.response);
        }
        waiting(&self.request)
    }

    pub(crate) fn response_verdict(&self) -> Verdict<Response> {
        if self.reset {
            return Verdict::Reset;
        }
        if self.replied.is_some() {
            return self.replied_or(&self.response);
        }
        if self.response.done {
            return Verdict::Forwarded(self.caller().unwrap_or_default());
        }
        waiting(&self.response)
    }

    /// What the upstream has seen so far.
    pub(crate) fn upstream(&self) -> Option<Request> {
        let half = &self.request;
        Some(Request {
            headers: half.sent.clone()?,
            body: half.sent_body.clone(),
            trailers: half.sent_trailers.clone(),
        })
    }

    /// What the caller has seen so far.
    pub(crate) fn caller(&self) -> Option<Response> {
        let half = &self.response;
        Some(Response {
            headers: half.sent.clone()?,
            body: half.sent_body.clone(),
            trailers: half.sent_trailers.clone(),
        })
    }

    fn replied_or<M>(&self, half: &Half) -> Verdict<M> {
        match (&self.replied, half.done) {
            (Some((details, grpc_status)), true) => Verdict::Replied(Reply {
                response: self.caller().unwrap_or_default(),
                details: details.clone(),
                grpc_status: *grpc_status,
            }),
            _ => waiting(half),
        }
    }
}

fn waiting<M>(half: &Half) -> Verdict<M> {
    match half.flow {
        Flow::On => Verdict::Flowing,
        Flow::Stopped | Flow::StoppedAll => Verdict::Paused,
    }
}
