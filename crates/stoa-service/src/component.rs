//! A service's access to its host: database, `wasi:http` and variables. Wasm only.

mod database;
mod variables;

pub use database::open_database;
pub use variables::variable;

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use spin_sdk::http::{IncomingRequest, Method as SpinMethod, ResponseOutparam};
use wasi::clocks::monotonic_clock;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasi::io::poll;
use wasi::io::streams::StreamError;

use crate::context::Context;
use crate::outbound::{Call, CallError, MAX_REPLY, Outbound, Reply};
use crate::problem::Problem;
use crate::request::{MAX_BODY, Request};
use crate::service::Service;
use crate::settings::Faults;

/// Reads the request, serves it with the application that `open` returns, and sends the response. Then runs the application's
/// work after the response ([`Service::after_response`]).
pub async fn serve<A: Service>(
    request: IncomingRequest,
    out: ResponseOutparam,
    open: impl FnOnce() -> Result<A, Problem>,
) {
    let headers = headers(&request);
    let context = Context::new(A::NAME, &headers);
    let path = request.path_with_query().unwrap_or_else(|| "/".to_owned());
    let mut app = None;
    let response = match read(request, &path, headers).await {
        Ok(request) => open().map(|opened| {
            app.insert(opened)
                .answer(Request::within(context.clone(), request))
        }),
        Err(problem) => Err(problem),
    };
    let response = response.unwrap_or_else(|problem| {
        let path = path.split('?').next().unwrap_or_default();
        let mut response = problem.into_response(&context, path);
        A::finish_early(&mut response);
        response
    });
    let (parts, body) = response.into_parts();
    let fields: Vec<(String, Vec<u8>)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let fields = spin_sdk::http::Headers::from_list(&fields)
        .unwrap_or_else(|_| spin_sdk::http::Headers::new());
    let outgoing = spin_sdk::http::OutgoingResponse::new(fields);
    let _ = outgoing.set_status_code(parts.status.as_u16());
    // A client that disconnected must not prevent the work that follows.
    if let Err(error) = out.set_with_body(outgoing, body).await {
        crate::log::warn(
            &context,
            "the client left before its response",
            serde_json::json!({"error": error.to_string()}),
        );
    }
    if let Some(app) = app {
        app.after_response(&context);
    }
}

fn headers(request: &IncomingRequest) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in request.headers().entries() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            map.append(name, value);
        }
    }
    map
}

async fn read(
    incoming: IncomingRequest,
    path: &str,
    headers: HeaderMap,
) -> Result<http::Request<Vec<u8>>, Problem> {
    use futures::StreamExt as _;
    let method = match incoming.method() {
        SpinMethod::Get => http::Method::GET,
        SpinMethod::Post => http::Method::POST,
        SpinMethod::Put => http::Method::PUT,
        SpinMethod::Delete => http::Method::DELETE,
        SpinMethod::Patch => http::Method::PATCH,
        SpinMethod::Head => http::Method::HEAD,
        SpinMethod::Options => http::Method::OPTIONS,
        SpinMethod::Connect => http::Method::CONNECT,
        SpinMethod::Trace => http::Method::TRACE,
        SpinMethod::Other(other) => http::Method::from_bytes(other.as_bytes())
            .map_err(|_| Problem::bad_request("bad_method", "the method cannot be read"))?,
    };
    let uri = path
        .parse::<Uri>()
        .map_err(|e| Problem::bad_request("bad_path", format!("the path cannot be read: {e}")))?;
    let mut body = Vec::new();
    let mut chunks = incoming.into_body_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| {
            Problem::bad_request("incomplete_body", format!("the body ended too early: {e}"))
        })?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("body: longer than {MAX_BODY} bytes"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    let mut request = http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "misconfigured",
            "the service is not configured; its log has the reason",
        )
        .caused_by(faults.to_string())
    }
}

/// An [`Outbound`] over `wasi:http`'s outgoing handler.
pub struct WasiHttp;

impl Outbound for WasiHttp {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        let not_sent = |what: &str| CallError::NotSent(format!("{what} of {}", call.url));
        let uri: Uri = call.url.parse().map_err(|_| not_sent("bad URL"))?;
        let fields = Fields::new();
        for (name, value) in &call.headers {
            fields
                .append(&name.as_str().to_owned(), &value.as_bytes().to_vec())
                .map_err(|_| not_sent("bad header"))?;
        }
        let request = OutgoingRequest::new(fields);
        let scheme = if uri.scheme_str() == Some("https") {
            Scheme::Https
        } else {
            Scheme::Http
        };
        request
            .set_method(&method(&call.method))
            .map_err(|()| not_sent("bad method"))?;
        request
            .set_scheme(Some(&scheme))
            .map_err(|()| not_sent("bad scheme"))?;
        request
            .set_authority(uri.authority().map(http::uri::Authority::as_str))
            .map_err(|()| not_sent("bad host"))?;
        request
            .set_path_with_query(uri.path_and_query().map(http::uri::PathAndQuery::as_str))
            .map_err(|()| not_sent("bad path"))?;
        let options = RequestOptions::new();
        let nanos = u64::try_from(call.timeout.as_nanos()).unwrap_or(u64::MAX);
        // A host without timeouts returns an error here; the deadline below still applies.
        let _ = options.set_connect_timeout(Some(nanos));
        let _ = options.set_first_byte_timeout(Some(nanos));
        let _ = options.set_between_bytes_timeout(Some(nanos));

        let deadline = Deadline::after(call.timeout);
        let body = request.body().map_err(|()| not_sent("no body"))?;
        let future = outgoing_handler::handle(request, Some(options))
            .map_err(|e| CallError::NotSent(format!("{}: {e:?}", call.url)))?;
        // A failed connection accepts no body, and a peer may answer without reading it. The response shows which of the two happened,
        // so that a refused connection counts as "not sent".
        let unwritten = write(body, &call.body).err();

        let over = || CallError::Lost(format!("{}: {:?} are over", call.url, call.timeout));
        let ready = future.subscribe();
        if !deadline.wait(&ready) {
            return Err(over());
        }
        drop(ready);
        let response = match future.get() {
            Some(Ok(Ok(response))) => response,
            // The host's timeout and ours expire at the same moment: either may be noticed first.
            Some(Ok(Err(wasi::http::types::ErrorCode::ConnectionReadTimeout))) => {
                return Err(over());
            }
            Some(Ok(Err(error))) => return Err(classify(&call.url, &error)),
            _ => {
                let reason = unwritten.unwrap_or_else(|| "no answer".to_owned());
                return Err(CallError::Lost(format!("{}: {reason}", call.url)));
            }
        };
        let status = StatusCode::from_u16(response.status())
            .map_err(|_| CallError::Lost(format!("{}: bad status", call.url)))?;
        let mut headers = HeaderMap::new();
        for (name, value) in response.headers().entries() {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.append(name, value);
            }
        }
        let body = response
            .consume()
            .map_err(|()| "no body".to_owned())
            .and_then(|body| collect(body, &deadline))
            .map_err(|e| CallError::Lost(format!("{}: {e}", call.url)))?;
        Ok(Reply {
            status,
            headers,
            body,
        })
    }
}

fn method(method: &http::Method) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        "HEAD" => Method::Head,
        other => Method::Other(other.to_owned()),
    }
}

/// Only errors before the connection is established prove that the other side did nothing.
fn classify(url: &str, error: &wasi::http::types::ErrorCode) -> CallError {
    use wasi::http::types::ErrorCode as E;
    let text = format!("{url}: {error:?}");
    match error {
        E::DnsTimeout
        | E::DnsError(_)
        | E::DestinationNotFound
        | E::DestinationUnavailable
        | E::DestinationIpProhibited
        | E::DestinationIpUnroutable
        | E::ConnectionRefused
        | E::ConnectionTimeout
        | E::ConnectionLimitReached
        | E::TlsProtocolError
        | E::TlsCertificateError
        | E::TlsAlertReceived(_)
        | E::HttpRequestDenied
        | E::HttpRequestUriInvalid => CallError::NotSent(text),
        _ => CallError::Lost(text),
    }
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), String> {
    if !bytes.is_empty() {
        let stream = body
            .write()
            .map_err(|()| "the body cannot be written".to_owned())?;
        for chunk in bytes.chunks(4096) {
            stream
                .blocking_write_and_flush(chunk)
                .map_err(|e| e.to_string())?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|e| format!("{e:?}"))
}

fn collect(body: IncomingBody, deadline: &Deadline) -> Result<Vec<u8>, String> {
    let stream = body
        .stream()
        .map_err(|()| "the body cannot be read".to_owned())?;
    let ready = stream.subscribe();
    let mut bytes = Vec::new();
    loop {
        match stream.read(64 * 1024) {
            Ok(chunk) if chunk.is_empty() => {
                if !deadline.wait(&ready) {
                    return Err("the answer takes too long".to_owned());
                }
            }
            Ok(chunk) if bytes.len() + chunk.len() > MAX_REPLY => {
                return Err(format!("the answer is longer than {MAX_REPLY} bytes"));
            }
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(bytes)
}

struct Deadline(Instant);

impl Deadline {
    fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    /// Waits for `ready`; returns false if the deadline passes first.
    fn wait(&self, ready: &poll::Pollable) -> bool {
        if ready.ready() {
            return true;
        }
        let left = self.0.saturating_duration_since(Instant::now());
        let alarm =
            monotonic_clock::subscribe_duration(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
        poll::poll(&[ready, &alarm]).contains(&0)
    }
}
