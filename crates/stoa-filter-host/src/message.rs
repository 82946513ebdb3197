//! Requests and responses, and their state in the filter.

use std::fmt;

use crate::Headers;

/// A request, including its pseudo headers (`:method`, `:path`, `:authority`, `:scheme`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The request's headers in the order of arrival.
    pub headers: Headers,
    /// The request's body. It is empty if the request has no body.
    pub body: Vec<u8>,
    /// The request's trailers. The list is empty if the request has no trailers.
    pub trailers: Headers,
}

impl Request {
    /// A request to `http://shop.test` without a body, with this method and path.
    pub fn new(method: &str, path: &str) -> Self {
        let mut headers = Headers::new();
        headers.add(":authority", "shop.test");
        headers.add(":path", path);
        headers.add(":method", method);
        headers.add(":scheme", "http");
        Self {
            headers,
            ..Self::default()
        }
    }

    /// A GET request for `path`.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST request to `path` with a body and its `content-length`.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", path).body(body)
    }

    /// Adds a header. A pseudo header replaces the existing pseudo header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        match name.starts_with(':') {
            true => self.headers.set(name, value),
            false => self.headers.add(name, value),
        }
        self
    }

    /// Sets the body and `content-length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.headers
            .set("content-length", self.body.len().to_string());
        self
    }

    /// Adds a trailer. A message with trailers is sent in chunks, so `content-length` is removed.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.remove("content-length");
        self.trailers.add(name, value);
        self
    }

    /// The request's body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A response, including `:status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The response's headers in the order of arrival.
    pub headers: Headers,
    /// The response's body. It is empty if the response has no body.
    pub body: Vec<u8>,
    /// The response's trailers. The list is empty if the response has no trailers.
    pub trailers: Headers,
}

impl Response {
    /// A response with this status and without a body.
    pub fn new(status: u16) -> Self {
        let mut headers = Headers::new();
        headers.add(":status", status.to_string());
        Self {
            headers,
            ..Self::default()
        }
    }

    /// A response with status 200 and a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).body(body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(name, value);
        self
    }

    /// Sets the body and `content-length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.headers
            .set("content-length", self.body.len().to_string());
        self
    }

    /// Adds a trailer. A message with trailers is sent in chunks, so `content-length` is removed.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.remove("content-length");
        self.trailers.add(name, value);
        self
    }

    /// The status, or 0 if `:status` is missing or not a number.
    pub fn status(&self) -> u16 {
        let status = self.headers.get(":status");
        status
            .and_then(|status| status.parse().ok())
            .unwrap_or_default()
    }

    /// The response's body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A local reply: a response that the filter itself sent, or that Envoy sent because of the filter. The upstream did not send this
/// response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The response that the caller gets, after the filter's own response callbacks.
    pub response: Response,
    /// The details that were passed to `send_local_response`. Each white space is replaced by `_`.
    pub details: String,
    /// The gRPC status that was passed to `send_local_response`, if any.
    pub grpc_status: Option<u32>,
}

impl Reply {
    /// The HTTP status that the caller gets.
    pub fn status(&self) -> u16 {
        self.response.status()
    }

    /// The first value of this header of the local reply.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers.get(name)
    }

    /// The local reply's body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        self.response.text()
    }
}

/// The current state of a request or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<M> {
    /// The whole message passed the filter. This variant holds the message that the upstream (for a request) or the caller (for a
    /// response) receives.
    Forwarded(M),
    /// The caller got a local reply.
    Replied(Reply),
    /// The filter has paused the message. The message waits until the filter resumes it or replies.
    Paused,
    /// The stream was reset: the caller gets no response, or an incomplete one.
    Reset,
    /// The message is not paused, but its end has not passed the filter yet.
    Flowing,
}

impl<M: fmt::Debug> Verdict<M> {
    /// The message that the upstream (for a request) or the caller (for a response) receives.
    ///
    /// # Panics
    /// If the state is not [`Verdict::Forwarded`].
    #[track_caller]
    pub fn forwarded(self) -> M {
        match self {
            Self::Forwarded(message) => message,
            other => panic!("expected a forwarded message, but found {other:?}"),
        }
    }

    /// The local reply that the caller got.
    ///
    /// # Panics
    /// If the state is not [`Verdict::Replied`].
    #[track_caller]
    pub fn replied(self) -> Reply {
        match self {
            Self::Replied(reply) => reply,
            other => panic!("expected a local reply, but found {other:?}"),
        }
    }

    /// Whether the filter has paused the message.
    pub fn is_paused(&self) -> bool {
        matches!(self, Self::Paused)
    }

    /// Whether the whole message passed the filter.
    pub fn is_forwarded(&self) -> bool {
        matches!(self, Self::Forwarded(_))
    }

    /// Whether the caller got a local reply instead of the upstream's response.
    pub fn is_replied(&self) -> bool {
        matches!(self, Self::Replied(_))
    }
}
