//! Calls to other services and to third parties.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;

/// The largest accepted response body, in bytes.
pub const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;

/// The default timeout of a call.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A sender of [`Call`]s: `wasi:http` in a component, a fake in native tests.
pub trait Outbound {
    /// Sends the call and waits for the whole response. A response of any status is `Ok`.
    fn send(&self, call: Call) -> Result<Reply, CallError>;
}

/// A request to another service.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The URL: `http://host[:port]/path?query`.
    pub url: String,
    /// The headers, including the forwarded headers of the [`Context`].
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The timeout of the whole call.
    pub timeout: Duration,
}

impl Call {
    /// Creates a call to the URL `base` + `path`, with the headers of `context`.
    pub fn new(context: &Context, method: Method, base: &str, path: &str) -> Self {
        Self {
            method,
            url: format!("{base}{path}"),
            headers: context.headers().collect(),
            body: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sets a header. Does nothing if `value` contains characters that a header must not contain.
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

/// A response of any status.
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
    /// Decodes the body with [`crate::json::read`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        crate::json::read(&self.body).map_err(|e| {
            CallError::Lost(format!(
                "the response with status {} has an invalid body: {e}",
                self.status
            ))
        })
    }

    /// The `code` of a problem document; empty if the body has no `code`.
    pub fn code(&self) -> String {
        serde_json::from_slice::<serde_json::Value>(&self.body)
            .ok()
            .and_then(|v| v.get("code")?.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// Why a call got no response. A caller that charges money must know whether the request was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request was not sent, so the peer did nothing.
    #[error("the request was not sent: {0}")]
    NotSent(String),
    /// The request was sent, but no usable response arrived. The peer may have done the work.
    #[error("no usable response: {0}")]
    Lost(String),
}

/// Why a peer could not serve a call. Typed clients return this error. A service that gets this error from a typed client answers
/// its own caller with 503.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// No response arrived, or the response cannot be decoded.
    #[error("{peer}: {source}")]
    Unreachable {
        /// The peer's name.
        peer: &'static str,
        /// Why there is no usable response.
        source: CallError,
    },
    /// A response that the peer's interface does not define.
    #[error("{peer} sent an unexpected response: status {status}, body {body}")]
    Unexpected {
        /// The peer's name.
        peer: &'static str,
        /// The response's status.
        status: StatusCode,
        /// The beginning of the response's body.
        body: String,
    },
}

impl PeerError {
    /// A sentence for the caller, without the cause.
    pub fn summary(&self) -> String {
        match self {
            Self::Unreachable { peer, .. } => format!("{peer} did not respond"),
            Self::Unexpected { peer, .. } => format!("{peer} sent an unexpected response"),
        }
    }
}

/// Everything that a client needs to make calls on behalf of one request: the sender, and the context of that request.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The sender of the calls.
    pub outbound: &'a dyn Outbound,
    /// The context of the request. The headers of this context are added to each call.
    pub context: &'a Context,
}

impl<'a> Caller<'a> {
    /// Creates the peer at `url`. `timeout` applies to each call. Error messages begin with `name`, such as "the user service".
    pub fn peer(self, name: &'static str, url: &'a str, timeout: Duration) -> Peer<'a> {
        Peer {
            name,
            caller: self,
            url,
            timeout,
        }
    }
}

/// Another service or a third party (the peer), and the data that every call to this peer needs. A typed client wraps a `Peer`.
#[derive(Clone, Copy)]
pub struct Peer<'a> {
    name: &'static str,
    caller: Caller<'a>,
    url: &'a str,
    timeout: Duration,
}

impl Peer<'_> {
    /// Creates a call to `path` of this peer.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(self.caller.context, method, self.url, path).timeout(self.timeout)
    }

    /// Sends a call. If no response arrives, returns a [`CallError`], which states whether the request was sent.
    pub fn try_send(&self, call: Call) -> Result<Reply, CallError> {
        self.caller.outbound.send(call)
    }

    /// Sends a call and returns the response, of any status.
    pub fn send(&self, call: Call) -> Result<Reply, PeerError> {
        self.try_send(call).map_err(|error| self.unreachable(error))
    }

    /// Sends a call and decodes the body of a response with status 200. Any other status is [`PeerError::Unexpected`].
    pub fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T, PeerError> {
        let reply = self.send(call)?;
        if reply.status == StatusCode::OK {
            self.read(&reply)
        } else {
            Err(self.unexpected(&reply))
        }
    }

    /// Decodes the body of a response.
    pub fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, PeerError> {
        reply.json().map_err(|error| self.unreachable(error))
    }

    /// The error for a response whose status or body the typed client does not expect.
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
    fn a_response_with_an_array_in_place_of_an_object_is_not_usable() {
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
