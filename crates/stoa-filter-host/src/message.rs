//! Requests, responses and their outcome.

use std::fmt;

use crate::Headers;

/// A request, including its pseudo headers (`:method`, `:path`, `:authority`, `:scheme`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// In the order of arrival.
    pub headers: Headers,
    /// Empty: the headers end the request, unless there are trailers.
    pub body: Vec<u8>,
    /// Empty: none.
    pub trailers: Headers,
}

impl Request {
    /// A request to `http://shop.test` without a body.
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

    /// `GET path`.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// `POST path` with a body and its `content-length`.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", path).body(body)
    }

    /// Adds a header; a pseudo header replaces the existing one.
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

    /// The body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A response, including `:status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// In the order of arrival.
    pub headers: Headers,
    /// Empty: the headers end the response, unless there are trailers.
    pub body: Vec<u8>,
    /// Empty: none.
    pub trailers: Headers,
}

impl Response {
    /// A response without a body.
    pub fn new(status: u16) -> Self {
        let mut headers = Headers::new();
        headers.add(":status", status.to_string());
        Self {
            headers,
            ..Self::default()
        }
    }

    /// `200` with a body.
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

    /// `:status`, or 0 if it is missing or not a number.
    pub fn status(&self) -> u16 {
        let status = self.headers.get(":status");
        status
            .and_then(|status| status.parse().ok())
            .unwrap_or_default()
    }

    /// The body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A reply that the filter, or Envoy in its place, sent instead of the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the caller sees, after the filter's own response callbacks.
    pub response: Response,
    /// As passed to `send_local_response`, white space replaced by `_`.
    pub details: String,
    /// As passed to `send_local_response`, if it is set.
    pub grpc_status: Option<u32>,
}

impl Reply {
    /// The status that the caller sees.
    pub fn status(&self) -> u16 {
        self.response.status()
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers.get(name)
    }

    /// The body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        self.response.text()
    }
}

/// The state of a request or of a response so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<M> {
    /// It passed the filter completely; holds the message that the other side sees.
    Forwarded(M),
    /// The caller got this instead.
    Replied(Reply),
    /// The filter holds it until the filter resumes it or replies.
    Paused,
    /// The stream was reset: the caller gets no response, or an incomplete one.
    Reset,
    /// It flows, and its end has not been sent yet.
    Flowing,
}

impl<M: fmt::Debug> Verdict<M> {
    /// The message that the other side sees.
    ///
    /// # Panics
    /// Unless it is [`Verdict::Forwarded`].
    #[track_caller]
    pub fn forwarded(self) -> M {
        match self {
            Self::Forwarded(message) => message,
            other => panic!("expected it to be forwarded: {other:?}"),
        }
    }

    /// The reply that the caller got instead.
    ///
    /// # Panics
    /// Unless it is [`Verdict::Replied`].
    #[track_caller]
    pub fn replied(self) -> Reply {
        match self {
            Self::Replied(reply) => reply,
            other => panic!("expected a local reply: {other:?}"),
        }
    }

    /// Whether the filter holds it.
    pub fn is_paused(&self) -> bool {
        matches!(self, Self::Paused)
    }

    /// Whether it passed.
    pub fn is_forwarded(&self) -> bool {
        matches!(self, Self::Forwarded(_))
    }

    /// Whether the filter answered in the upstream's place.
    pub fn is_replied(&self) -> bool {
        matches!(self, Self::Replied(_))
    }
}
