//! The context of one request: its id, its trace, and the headers that outgoing calls forward.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::id;

/// Headers that a service copies from the request that it serves to its own calls. With these headers, the choice of a canary, the
/// trace and an injected fault reach all services that help to serve the request.
pub const FORWARDED_HEADERS: [&str; 5] = [
    "x-shop-version",
    "tracestate",
    "baggage",
    "x-stoa-fault",
    "x-request-id",
];

/// The ids of a request, for logs, and the headers that its service copies to its own calls.
#[derive(Debug, Clone)]
pub struct Context {
    service: &'static str,
    request_id: String,
    traceparent: String,
    forwarded: Vec<(HeaderName, HeaderValue)>,
}

impl Context {
    /// Reads the headers of a request. If the request id or the trace is missing or malformed, a new one is generated.
    pub fn new(service: &'static str, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let request_id = text("x-request-id")
            .filter(|v| is_request_id(v))
            .map_or_else(|| id::new().to_string(), str::to_owned);
        let traceparent = text("traceparent")
            .filter(|v| is_traceparent(v))
            .map_or_else(new_traceparent, str::to_owned);
        let forwarded = FORWARDED_HEADERS
            .iter()
            .filter(|name| **name != "x-request-id")
            .filter_map(|name| {
                let value = headers.get(*name)?;
                Some((HeaderName::from_static(name), value.clone()))
            })
            .collect();
        Self {
            service,
            request_id,
            traceparent,
            forwarded,
        }
    }

    /// The name of the service that handles the request.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// `x-request-id`, received or generated.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The trace id: the 32 hexadecimal digits in the middle of `traceparent` (W3C Trace Context).
    pub fn trace_id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }

    /// The headers for a call that is made on behalf of this request.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
        let ids = [
            ("x-request-id", self.request_id.as_str()),
            ("traceparent", self.traceparent.as_str()),
        ];
        ids.into_iter()
            .filter_map(|(name, value)| {
                Some((
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).ok()?,
                ))
            })
            .chain(self.forwarded.iter().cloned())
    }
}

fn is_request_id(value: &str) -> bool {
    (1..=128).contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b))
}

/// True if the value is `00-<32 hex>-<16 hex>-<2 hex>` and neither id is all zeros.
fn is_traceparent(value: &str) -> bool {
    let mut parts = value.split('-');
    let mut hex = |length: usize| {
        parts.next().is_some_and(|p| {
            p.len() == length
                && p.bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                && (length == 2 || p.bytes().any(|b| b != b'0'))
        })
    };
    value.starts_with("00-") && hex(2) && hex(32) && hex(16) && hex(2) && parts.next().is_none()
}

fn new_traceparent() -> String {
    let trace = id::new().simple().to_string();
    let mut span = [0_u8; 8];
    // If the host has no random numbers, the span id is the first 16 digits of the trace id, so the header is still well-formed.
    if getrandom::fill(&mut span).is_err() || span == [0; 8] {
        return format!(
            "00-{trace}-{}-00",
            trace.get(..16).unwrap_or("0000000000000001")
        );
    }
    format!("00-{trace}-{:016x}-00", u64::from_be_bytes(span))
}
