//! The state of one stream in Envoy's filter manager and its Wasm context.

use std::time::Duration;

use crate::Headers;
use crate::local_reply::LocalReply;
use crate::message::{Reply, Request, Response, Verdict};
use crate::misuse::Side;
use crate::property::Properties;

/// Whether a filter lets a message continue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flow {
    #[default]
    On,
    /// Paused at the body or the trailers: the rest still reaches the filter.
    Stopped,
    /// Paused at the headers: the rest waits outside the filter.
    StoppedAll,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub(crate) headers: Option<Headers>,
    pub(crate) trailers: Option<Headers>,
    /// Which parts the filter may read and change now.
    pub(crate) headers_open: bool,
    pub(crate) trailers_open: bool,
    pub(crate) body_open: bool,
    /// The chunk of the body that passes through the filter.
    pub(crate) chunk: Vec<u8>,
    /// The part of the body that waits.
    pub(crate) buffer: Option<Vec<u8>>,
    /// The filter paused at the body, so it sees the whole body so far.
    pub(crate) buffering: bool,
    /// The buffer itself passes through the filter.
    pub(crate) replaying: bool,
    pub(crate) body_changed: bool,
    pub(crate) flow: Flow,
    pub(crate) headers_passed: bool,
    /// Bytes of the body received.
    pub(crate) received: usize,
    /// The whole message has arrived.
    pub(crate) complete: bool,
    /// The filter has seen the end of the message.
    pub(crate) ended: bool,
    /// The headers that were sent on.
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

    /// The body that the filter may change; `None` if it may not.
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
    /// When the request's headers arrived.
    pub(crate) begun: Duration,
    pub(crate) request: Half,
    pub(crate) response: Half,
    /// The filter has a context for it. After a crash that fails open it has none.
    pub(crate) created: bool,
    pub(crate) deleted: bool,
    pub(crate) end_of_stream: bool,
    /// The caller sent HEAD, even if the filter changes the method.
    pub(crate) head: bool,
    pub(crate) grpc: bool,
    pub(crate) logging: bool,
    pub(crate) properties: Properties,
    pub(crate) filter_state: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) route_cache_clears: u32,
    /// The side whose callback runs, where this affects replies.
    pub(crate) calling: Option<Side>,
    pub(crate) prepared: Option<LocalReply>,
    pub(crate) request_aborted: bool,
    pub(crate) response_aborted: bool,
    /// Details and gRPC status of the local reply that was or will be sent.
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

    /// The stream has ended.
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
