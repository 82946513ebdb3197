//! A service's access to its host: the database, `wasi:http` and Spin variables. This module exists only in components (wasm).

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
use crate::outbound::{Call, CallError, MAX_REPLY_BYTES, Outbound, Reply};
use crate::problem::Problem;
use crate::request::{MAX_BODY_BYTES, Request};
use crate::service::Service;
use crate::settings::Faults;

/// Reads the request, serves it with the application that `open` returns, and sends the response. Then runs
/// [`Service::after_response`].
pub async fn serve<A: Service>(
    request: IncomingRequest,
    out: ResponseOutparam,
    open: impl FnOnce() -> Result<A, Problem>,
) {
    let headers = headers(&request);
    let context = Context::new(A::NAME, &headers);
    let path = request.path_with_query().unwrap_or_else(|| "/".to_owned());
    let mut app = None;
    let response = match read_request(request, &path, headers).await {
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
    // The work after the response also runs if the client has disconnected.
    if let Err(error) = out.set_with_body(outgoing, body).await {
        crate::log::warn(
            &context,
            "the client disconnected before it received its response",
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

async fn read_request(
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
            .map_err(|_| Problem::bad_request("bad_method", "method: not a valid HTTP method"))?,
    };
    let uri = path
        .parse::<Uri>()
        .map_err(|e| Problem::bad_request("bad_path", format!("path: not valid: {e}")))?;
    let mut body = Vec::new();
    let mut chunks = incoming.into_body_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| {
            Problem::bad_request("incomplete_body", format!("body: incomplete: {e}"))
        })?;
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("body: longer than {MAX_BODY_BYTES} bytes"),
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
            "the service's settings are invalid; the service's log has the cause",
        )
        .caused_by(faults.to_string())
    }
}

/// An [`Outbound`] over `wasi:http`'s outgoing handler.
pub struct WasiHttp;

impl Outbound for WasiHttp {
    fn send(&self, call: Call) -> Result<Reply, CallError> {
        let not_sent = |cause: &str| CallError::NotSent(format!("{}: {cause}", call.url));
        let uri: Uri = call
            .url
            .parse()
            .map_err(|_| not_sent("the URL is invalid"))?;
        let fields = Fields::new();
        for (name, value) in &call.headers {
            fields
                .append(&name.as_str().to_owned(), &value.as_bytes().to_vec())
                .map_err(|_| not_sent("a header is invalid"))?;
        }
        let request = OutgoingRequest::new(fields);
        let scheme = if uri.scheme_str() == Some("https") {
            Scheme::Https
        } else {
            Scheme::Http
        };
        request
            .set_method(&method(&call.method))
            .map_err(|()| not_sent("the method is invalid"))?;
        request
            .set_scheme(Some(&scheme))
            .map_err(|()| not_sent("the URL's scheme is invalid"))?;
        request
            .set_authority(uri.authority().map(http::uri::Authority::as_str))
            .map_err(|()| not_sent("the URL's host is invalid"))?;
        request
            .set_path_with_query(uri.path_and_query().map(http::uri::PathAndQuery::as_str))
            .map_err(|()| not_sent("the URL's path is invalid"))?;
        let options = RequestOptions::new();
        let nanos = u64::try_from(call.timeout.as_nanos()).unwrap_or(u64::MAX);
        // A host that does not support timeouts returns an error here. The error is ignored, because the deadline below limits the
        // call on every host.
        let _ = options.set_connect_timeout(Some(nanos));
        let _ = options.set_first_byte_timeout(Some(nanos));
        let _ = options.set_between_bytes_timeout(Some(nanos));

        let deadline = Deadline::after(call.timeout);
        let body = request
            .body()
            .map_err(|()| not_sent("cannot open the request body"))?;
        let future = outgoing_handler::handle(request, Some(options))
            .map_err(|e| CallError::NotSent(format!("{}: {e:?}", call.url)))?;
        // Writing the body fails in two cases: the connection failed, or the peer responded without reading the body. The result of
        // the call below shows which of the two cases it is, so a refused connection counts as "not sent".
        let write_error = write_body(body, &call.body).err();

        let timed_out = || {
            CallError::Lost(format!(
                "{}: no response within {:?}",
                call.url, call.timeout
            ))
        };
        let ready = future.subscribe();
        if !deadline.wait(&ready) {
            return Err(timed_out());
        }
        drop(ready);
        let response = match future.get() {
            Some(Ok(Ok(response))) => response,
            // The host's timeout and the deadline above end at the same moment. If the host reports its timeout first, the error is
            // the same as for the deadline.
            Some(Ok(Err(wasi::http::types::ErrorCode::ConnectionReadTimeout))) => {
                return Err(timed_out());
            }
            Some(Ok(Err(error))) => return Err(classify(&call.url, &error)),
            _ => {
                let cause = write_error.unwrap_or_else(|| {
                    "the host returned neither a response nor an error".to_owned()
                });
                return Err(CallError::Lost(format!("{}: {cause}", call.url)));
            }
        };
        let status = StatusCode::from_u16(response.status()).map_err(|_| {
            CallError::Lost(format!("{}: the response has an invalid status", call.url))
        })?;
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
            .map_err(|()| "cannot open the response body".to_owned())
            .and_then(|body| read_body(body, &deadline))
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

/// Only errors before the connection is established prove that the peer did nothing.
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

fn write_body(body: OutgoingBody, bytes: &[u8]) -> Result<(), String> {
    if !bytes.is_empty() {
        let stream = body
            .write()
            .map_err(|()| "cannot write the request body".to_owned())?;
        for chunk in bytes.chunks(4096) {
            stream
                .blocking_write_and_flush(chunk)
                .map_err(|e| e.to_string())?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|e| format!("{e:?}"))
}

fn read_body(body: IncomingBody, deadline: &Deadline) -> Result<Vec<u8>, String> {
    let stream = body
        .stream()
        .map_err(|()| "cannot read the response body".to_owned())?;
    let ready = stream.subscribe();
    let mut bytes = Vec::new();
    loop {
        match stream.read(64 * 1024) {
            Ok(chunk) if chunk.is_empty() => {
                if !deadline.wait(&ready) {
                    return Err("the response body did not end within the timeout".to_owned());
                }
            }
            Ok(chunk) if bytes.len() + chunk.len() > MAX_REPLY_BYTES => {
                return Err(format!(
                    "the response body is longer than {MAX_REPLY_BYTES} bytes"
                ));
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

    /// Waits until `ready` is ready, and returns true. Returns false if the deadline passes first.
    fn wait(&self, ready: &poll::Pollable) -> bool {
        if ready.ready() {
            return true;
        }
        let remaining = self.0.saturating_duration_since(Instant::now());
        let alarm = monotonic_clock::subscribe_duration(
            u64::try_from(remaining.as_nanos()).unwrap_or(u64::MAX),
        );
        poll::poll(&[ready, &alarm]).contains(&0)
    }
}
