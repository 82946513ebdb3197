//! Calls to other services and to third parties.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;

/// The longest response body that is read, in bytes.
pub const MAX_REPLY: usize = 4 * 1024 * 1024;

/// The default timeout of a call.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a [`Call`].
pub trait Outbound {
    /// Sends the call and waits for the whole response, whatever its status.
    fn send(&self, call: Call) -> Result<Reply, CallError>;
}

/// A request to another service.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// `http://host[:port]/path?query`
    pub url: String,
    /// The headers, including those of the [`Context`].
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The timeout of the whole call.
    pub timeout: Duration,
}

impl Call {
    /// A call to `base` + `path` on behalf of `context`, with its headers.
    pub fn new(context: &Context, method: Method, base: &str, path: &str) -> Self {
        Self {
            method,
            url: format!("{base}{path}"),
            headers: context.headers().collect(),
            body: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sets a header; a value that is not valid in a header is left out.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Sets `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets `Idempotency-Key`.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Sets a JSON body.
    pub fn json<T: Serialize>(mut self, body: &T) -> Self {
        self.body = serde_json::to_vec(body).unwrap_or_default();
        self.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        self
    }

    /// Sets the timeout of the whole call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// A response, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON, read by [`crate::json::read`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        crate::json::read(&self.body).map_err(|e| {
            CallError::Lost(format!(
                "status {} with an answer that does not fit: {e}",
                self.status
            ))
        })
    }

    /// The `code` of a problem document; empty where there is none.
    pub fn code(&self) -> String {
        serde_json::from_slice::<serde_json::Value>(&self.body)
            .ok()
            .and_then(|v| v.get("code")?.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// Why a call has no response. The difference matters to a caller that charges money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request was not sent: the other side did nothing.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request was sent and no usable response came back: the other side may have done its work.
    #[error("no answer: {0}")]
    Lost(String),
}

/// Why a peer could not serve a call. Typed clients return it as the source of their service's error; it becomes 503.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// No response, or one that cannot be read.
    #[error("{peer}: {source}")]
    Unreachable {
        /// The peer's name.
        peer: &'static str,
        /// Why.
        source: CallError,
    },
    /// A response that the peer's interface does not define.
    #[error("{peer} answered {status} {body}")]
    Unexpected {
        /// The peer's name.
        peer: &'static str,
        /// Its status.
        status: StatusCode,
        /// The beginning of its body.
        body: String,
    },
}

impl PeerError {
    /// A sentence for the caller, without the cause.
    pub fn summary(&self) -> String {
        match self {
            Self::Unreachable { peer, .. } => format!("{peer} does not answer"),
            Self::Unexpected { peer, .. } => format!("{peer} does not answer as expected"),
        }
    }
}

/// Makes calls on behalf of one request: the sender, and the context that the calls carry.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Sends the calls.
    pub outbound: &'a dyn Outbound,
    /// The context that the calls carry.
    pub context: &'a Context,
}

impl<'a> Caller<'a> {
    /// The peer at `url`; `timeout` applies to each call. `name` is for errors.
    pub fn peer(self, name: &'static str, url: &'a str, timeout: Duration) -> Peer<'a> {
        Peer {
            name,
            caller: self,
            url,
            timeout,
        }
    }
}

/// Another service, or a third party, on behalf of one request. Typed clients are built on it.
#[derive(Clone, Copy)]
pub struct Peer<'a> {
    name: &'static str,
    caller: Caller<'a>,
    url: &'a str,
    timeout: Duration,
}

impl Peer<'_> {
    /// A call to `path` of this peer.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(self.caller.context, method, self.url, path).timeout(self.timeout)
    }

    /// Sends a call. A missing response is a [`CallError`], for callers that need to know whether the request was sent.
    pub fn try_send(&self, call: Call) -> Result<Reply, CallError> {
        self.caller.outbound.send(call)
    }

    /// Sends a call and returns the response, whatever its status.
    pub fn send(&self, call: Call) -> Result<Reply, PeerError> {
        self.try_send(call).map_err(|error| self.unreachable(error))
    }

    /// Sends a call and reads the body of a 200 as `T`; any other status is [`PeerError::Unexpected`].
    pub fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T, PeerError> {
        let reply = self.send(call)?;
        if reply.status == StatusCode::OK {
            self.read(&reply)
        } else {
            Err(self.unexpected(&reply))
        }
    }

    /// Reads the body of a response.
    pub fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, PeerError> {
        reply.json().map_err(|error| self.unreachable(error))
    }

    /// The error for a response that this call does not expect.
    pub fn unexpected(&self, reply: &Reply) -> PeerError {
        PeerError::Unexpected {
            peer: self.name,
            status: reply.status,
            body: crate::text::shorten(&String::from_utf8_lossy(&reply.body)),
        }
    }

    fn unreachable(&self, source: CallError) -> PeerError {
        PeerError::Unreachable {
            peer: self.name,
            source,
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::money::Money;

    #[test]
    fn an_answer_with_an_array_in_the_place_of_an_object_is_no_answer() {
        #[derive(Debug, serde::Deserialize)]
        struct Page {
            items: Vec<Money>,
        }
        let read = |body: Value| crate::testing::reply(200, body).unwrap().json::<Page>();
        let good = json!({"items": [{"amount": 1, "currency": "EUR"}], "more": [1]});
        assert_eq!(read(good).unwrap().items.len(), 1);
        for (body, place) in [
            (json!([[]]), "body: "),
            (json!({"items": [[1, "EUR"]]}), "items[0]: "),
        ] {
            let error = read(body).unwrap_err();
            assert!(
                matches!(&error, CallError::Lost(cause) if cause.contains(place)),
                "{error}"
            );
        }
    }
}
