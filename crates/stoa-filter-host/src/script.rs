//! An exchange that runs here and in a real Envoy, and its outcome for a comparison.

use std::time::Duration;

use crate::message::{Request, Response, Verdict};
use crate::vm::Vm;
use crate::{Headers, Stream};

/// A request, and the upstream's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The request that the caller sends, its body in one piece.
    pub request: Request,
    /// The upstream's response, if the request reaches it.
    pub response: Response,
    /// How long the caller waits while the filter holds the message.
    pub patience: Duration,
}

/// The outcome of a [`Script`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The request that the upstream saw, if it was complete.
    pub upstream: Option<Request>,
    /// What the caller saw.
    pub caller: Seen,
}

/// What a caller sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A complete response.
    Response(Response),
    /// The stream was reset.
    Reset,
    /// Nothing, or an incomplete response.
    Nothing,
}

impl Script {
    /// The upstream answers `200` with the body `hello`; the caller waits for 1 second.
    pub fn new(request: Request) -> Self {
        Self {
            request,
            response: Response::ok("hello"),
            patience: Duration::from_secs(1),
        }
    }

    /// Replaces the upstream's response.
    #[must_use]
    pub fn answered(mut self, response: Response) -> Self {
        self.response = response;
        self
    }

    /// Runs the script on a new stream.
    #[track_caller]
    pub fn run(&self, vm: &Vm) -> Outcome {
        let mut stream = vm.stream();
        if stream.send(self.request.clone()).is_paused() {
            vm.advance(self.patience);
        }
        if stream.request().is_forwarded() && stream.answer(self.response.clone()).is_paused() {
            vm.advance(self.patience);
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
        Verdict::Forwarded(response) => Seen::Response(response),
        Verdict::Replied(reply) => Seen::Response(reply.response),
        Verdict::Reset => Seen::Reset,
        Verdict::Paused | Verdict::Flowing => Seen::Nothing,
    };
    Outcome { upstream, caller }
}

impl Outcome {
    /// Removes what a proxy or its connection adds itself (`date`, `server`, `via`, `x-envoy-*`, `x-request-id`,
    /// `x-forwarded-proto`, framing, the scheme) and sorts headers by name, so that outcomes of different proxies can be compared.
    #[must_use]
    pub fn comparable(mut self) -> Self {
        if let Some(request) = &mut self.upstream {
            request.headers = plain(&request.headers);
            request.trailers = plain(&request.trailers);
        }
        if let Seen::Response(response) = &mut self.caller {
            response.headers = plain(&response.headers);
            response.trailers = plain(&response.trailers);
        }
        self
    }
}

fn plain(headers: &Headers) -> Headers {
    const OWN: &[&str] = &[
        ":scheme",
        "connection",
        "date",
        "server",
        "transfer-encoding",
        "via",
        "x-forwarded-proto",
        "x-request-id",
    ];
    let own = |(name, value): &(&str, &[u8])| {
        OWN.contains(name)
            || name.starts_with("x-envoy-")
            || (*name == "content-length" && *value == b"0")
    };
    let mut rest: Vec<_> = headers.iter().filter(|header| !own(header)).collect();
    rest.sort_by_key(|(name, _)| *name); // stable: values of one name keep their order
    rest.into_iter().collect()
}
