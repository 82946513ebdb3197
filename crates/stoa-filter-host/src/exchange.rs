//! The state of one stream. In Envoy, the filter manager and the Wasm context hold this state.

use std::time::Duration;

use crate::Headers;
use crate::local_reply::LocalReply;
use crate::message::{Reply, Request, Response, Verdict};
use crate::misuse::Side;
use crate::property::Properties;

/// The flow of a message: it passes, or the filter has paused it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The message passes.
    #[default]
    Flowing,
    /// Paused at the body or the trailers: later parts still reach the filter.
    Stopped,
    /// Paused at the headers: later parts wait outside the filter.
    StoppedAll,
}

/// One direction of a stream: the request or the response.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub(crate) headers: Option<Headers>,
    pub(crate) trailers: Option<Headers>,
    /// Whether the filter may read and change the headers now.
    pub(crate) headers_open: bool,
    /// Whether the filter may read and change the trailers now.
    pub(crate) trailers_open: bool,
    /// Whether the filter may read and change the body now.
    pub(crate) body_open: bool,
    /// The chunk of the body that passes through the filter now.
    pub(crate) chunk: Vec<u8>,
    /// The buffered part of the body, which waits because the filter paused the message. `None`: no part was buffered.
    pub(crate) buffer: Option<Vec<u8>>,
    /// True if the filter paused at the body. At each further callback for the body, the filter then gets all buffered chunks
    /// together.
    pub(crate) buffering: bool,
    /// True while the buffer, and not a chunk, passes through the filter.
    pub(crate) replaying: bool,
    /// Whether the filter changed the body.
    pub(crate) body_changed: bool,
    pub(crate) flow: Flow,
    /// Whether the headers have passed the filter.
    pub(crate) headers_passed: bool,
    /// The number of received bytes of the body.
    pub(crate) received: usize,
    /// Whether the whole message has arrived.
    pub(crate) complete: bool,
    /// Whether the filter has seen the end of the message.
    pub(crate) ended: bool,
    /// The headers that were sent on. `None`: no headers were sent.
    pub(crate) sent_headers: Option<Headers>,
    pub(crate) sent_body: Vec<u8>,
    pub(crate) sent_trailers: Headers,
    /// Whether the whole message was sent on.
    pub(crate) fully_sent: bool,
}

impl Half {
    /// The bytes of the body that the filter may read now.
    pub(crate) fn body(&self) -> &[u8] {
        match self.buffering || self.replaying {
            true => self.buffer.as_deref().unwrap_or_default(),
            false if self.body_open => &self.chunk,
            false => &[],
        }
    }

    /// The bytes of the body that the filter may change now. `None` if the filter may not change the body.
    pub(crate) fn body_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self.buffering || (self.replaying && self.body_open) {
            true => self.buffer.as_mut(),
            false if self.body_open => Some(&mut self.chunk),
            false => None,
        }
    }
}

/// A stream: a request, its response, and their state.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) root: u32,
    /// The time at which the request's headers arrived.
    pub(crate) begun: Duration,
    pub(crate) request: Half,
    pub(crate) response: Half,
    /// True if the filter has a context for the stream. The filter has no context for a stream that began after the filter crashed,
    /// if the filter fails open.
    pub(crate) created: bool,
    pub(crate) deleted: bool,
    pub(crate) end_of_stream: bool,
    /// True if the caller sent a HEAD request. A filter that changes the method does not change this value.
    pub(crate) head: bool,
    pub(crate) grpc: bool,
    pub(crate) logging: bool,
    pub(crate) properties: Properties,
    pub(crate) filter_state: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) route_cache_clears: u32,
    /// The direction (request or response) whose callback runs now. If a local reply is sent during this callback, the message in
    /// this direction stops.
    pub(crate) running_callback: Option<Side>,
    pub(crate) prepared: Option<LocalReply>,
    pub(crate) request_aborted: bool,
    pub(crate) response_aborted: bool,
    /// The details and the gRPC status of the local reply that was sent or is about to be sent.
    pub(crate) replied: Option<(String, Option<u32>)>,
    pub(crate) reset: bool,
    /// True if this stream already got the reply for the filter's crash. It gets this reply only once.
    pub(crate) crash_handled: bool,
    pub(crate) failure_replied: bool,
}

impl Exchange {
    pub(crate) fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// Whether the stream has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.reset || self.response.fully_sent
    }

    pub(crate) fn request_verdict(&self) -> Verdict<Request> {
        if self.request.fully_sent {
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
        if self.response.fully_sent {
            return Verdict::Forwarded(self.caller().unwrap_or_default());
        }
        waiting(&self.response)
    }

    /// The part of the request that the upstream has received so far. `None`: the upstream has received no part.
    pub(crate) fn upstream(&self) -> Option<Request> {
        let half = &self.request;
        Some(Request {
            headers: half.sent_headers.clone()?,
            body: half.sent_body.clone(),
            trailers: half.sent_trailers.clone(),
        })
    }

    /// The part of the response that the caller has received so far. `None`: the caller has received no part.
    pub(crate) fn caller(&self) -> Option<Response> {
        let half = &self.response;
        Some(Response {
            headers: half.sent_headers.clone()?,
            body: half.sent_body.clone(),
            trailers: half.sent_trailers.clone(),
        })
    }

    fn replied_or<M>(&self, half: &Half) -> Verdict<M> {
        match (&self.replied, half.fully_sent) {
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
        Flow::Flowing => Verdict::Flowing,
        Flow::Stopped | Flow::StoppedAll => Verdict::Paused,
    }
}
