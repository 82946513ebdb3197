//! The headers that a service must copy from an incoming request to its outgoing requests.

use crate::client::{Answer, Request};
use crate::stub::StubRequest;

/// The `x-request-id` of a [`Request::traced`].
pub const REQUEST_ID: &str = "traced-by-a-test";
/// The trace id in the `traceparent` of a [`Request::traced`].
pub const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

const HEADERS: [(&str, &str); 6] = [
    ("x-request-id", REQUEST_ID),
    (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    ("tracestate", "vendor=t61rcWkgMzE"),
    ("baggage", "stage=test"),
    ("x-shop-version", "v2"),
    ("x-stoa-fault", "delay=1"),
];

impl Request {
    /// Adds all headers that a service must propagate.
    #[must_use]
    pub fn traced(self) -> Self {
        let add = |request: Self, (name, value): &(&str, &str)| request.header(name, value);
        HEADERS.iter().fold(self, add)
    }
}

impl StubRequest {
    /// Panics unless this request has all headers of [`Request::traced`].
    #[track_caller]
    pub fn assert_traced(&self) {
        for (name, value) in HEADERS {
            let value_received = self.header(name);
            assert_eq!(
                value_received,
                Some(value),
                "{name} of {} {}",
                self.method,
                self.path
            );
        }
    }
}

impl Answer {
    /// Returns the response if it is a problem document with this status and this `code`, and panics otherwise. A 503 must have the
    /// header `retry-after`.
    #[track_caller]
    #[must_use]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        let received = answer.json.get("code").and_then(|code| code.as_str());
        assert_eq!(received, Some(code), "{}", answer.text());
        assert!(
            status != 503 || answer.header("retry-after").is_some(),
            "{:?}",
            answer.headers
        );
        answer
    }
}
