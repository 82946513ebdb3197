//! Scripts: a script is a request and a response. A test can run a script in this host and in a real Envoy, and compare the
//! outcomes.

use std::time::Duration;

use crate::message::{Request, Response, Verdict};
use crate::vm::Vm;
use crate::{Headers, Stream};

/// A caller's request and the upstream's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The request that the caller sends. Its body is sent in one piece.
    pub request: Request,
    /// The upstream's response. It is sent only if the request reaches the upstream.
    pub response: Response,
    /// The time for which the caller waits if the filter has paused a message.
    pub max_wait: Duration,
}

/// The outcome of a [`Script`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The request that the upstream received. `None`: the upstream did not receive a complete request.
    pub upstream: Option<Request>,
    /// The response that the caller received, if any.
    pub caller: CallerResult,
}

/// What the caller received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerResult {
    /// The caller received a complete response.
    Response(Response),
    /// The stream was reset.
    Reset,
    /// The caller received no response, or an incomplete response.
    Nothing,
}

impl Script {
    /// Creates a script with this request. By default, the upstream responds with status 200 and the body `hello`, and the caller
    /// waits for 1 second if the filter has paused a message.
    pub fn new(request: Request) -> Self {
        Self {
            request,
            response: Response::ok("hello"),
            max_wait: Duration::from_secs(1),
        }
    }

    /// Replaces the upstream's response.
    #[must_use]
    pub fn answered(mut self, response: Response) -> Self {
        self.response = response;
        self
    }

    /// Runs the script in a new stream of `vm`.
    #[track_caller]
    pub fn run(&self, vm: &Vm) -> Outcome {
        let mut stream = vm.stream();
        if stream.send(self.request.clone()).is_paused() {
            vm.advance(self.max_wait);
        }
        if stream.request().is_forwarded() && stream.answer(self.response.clone()).is_paused() {
            vm.advance(self.max_wait);
        }
        outcome(&stream)
    }
}

fn outcome(stream: &Stream) -> Outcome {
    let upstream = match stream.request() {
        Verdict::Forwarded(request) => Some(request),
        _ => None,
    };
    let caller = match stream.response() {
        Verdict::Forwarded(response) => CallerResult::Response(response),
        Verdict::Replied(reply) => CallerResult::Response(reply.response),
        Verdict::Reset => CallerResult::Reset,
        Verdict::Paused | Verdict::Flowing => CallerResult::Nothing,
    };
    Outcome { upstream, caller }
}

impl Outcome {
    /// Prepares the outcome for a comparison with another proxy: sorts the headers by name, and removes the headers that a proxy or
    /// a connection adds (`date`, `server`, `via`, `x-envoy-*`, `x-request-id`, `x-forwarded-proto`, the scheme, and headers for
    /// framing).
    #[must_use]
    pub fn comparable(mut self) -> Self {
        if let Some(request) = &mut self.upstream {
            request.headers = without_proxy_headers(&request.headers);
            request.trailers = without_proxy_headers(&request.trailers);
        }
        if let CallerResult::Response(response) = &mut self.caller {
            response.headers = without_proxy_headers(&response.headers);
            response.trailers = without_proxy_headers(&response.trailers);
        }
        self
    }
}

fn without_proxy_headers(headers: &Headers) -> Headers {
    const PROXY_HEADERS: &[&str] = &[
        ":scheme",
        "connection",
        "date",
        "server",
        "transfer-encoding",
        "via",
        "x-forwarded-proto",
        "x-request-id",
    ];
    let is_proxy_header = |(name, value): &(&str, &[u8])| {
        PROXY_HEADERS.contains(name)
            || name.starts_with("x-envoy-")
            || (*name == "content-length" && *value == b"0")
    };
    let mut rest: Vec<_> = headers
        .iter()
        .filter(|header| !is_proxy_header(header))
        .collect();
    rest.sort_by_key(|(name, _)| *name); // a stable sort, so the values of a repeated header keep their order
    rest.into_iter().collect()
}
