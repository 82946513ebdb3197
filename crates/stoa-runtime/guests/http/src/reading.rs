//! Reads bodies piece by piece, and reports the end of each body.
use futures::SinkExt;
use spin_sdk::http::{Headers, IncomingRequest, OutgoingResponse, ResponseOutparam};
use wasi::http::types::{Fields, OutgoingRequest, RequestOptions, Scheme, http_error_code};
use wasi::io::streams::{InputStream, StreamError};

/// The most bytes that are read at once.
const MAX_PIECE_BYTES: u64 = 64 << 10;

/// Answers each piece of the request's body with `[PIECE]` as soon as the piece arrives.
pub(crate) async fn echo_pieces(request: IncomingRequest, out: ResponseOutparam) {
    let response = OutgoingResponse::new(Headers::new());
    let mut answer = response.take_body();
    out.set(response);
    let Ok(body) = request.consume() else { return };
    let Ok(stream) = body.stream() else { return };
    while let Ok(piece) = stream.blocking_read(MAX_PIECE_BYTES) {
        let piece = format!("[{}]", String::from_utf8_lossy(&piece));
        if answer.send(piece.into_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads the request's body. Returns its length, and `whole` or the error that ended the body.
pub(crate) fn count(request: &IncomingRequest) -> String {
    let Ok(body) = request.consume() else {
        return "no body".to_owned();
    };
    match body.stream() {
        Ok(stream) => {
            let (bytes, end) = to_end(&stream);
            format!("{} {end}", bytes.len())
        }
        Err(()) => "no stream".to_owned(),
    }
}

/// Requests a URL and reads the response. Returns the status, the body, and `whole` or the error that ended the body. `plan` is
/// `CONNECT,FIRST,BETWEEN,AUTHORITY/PATH`: three timeouts in milliseconds (an empty value: no timeout), and the URL.
pub(crate) fn read(plan: &str) -> String {
    let mut words = plan.splitn(4, ',');
    let mut word = || words.next().unwrap_or_default();
    let mut nanos = || word().parse().ok().map(|millis: u64| millis * 1_000_000);
    let (connect, first, between) = (nanos(), nanos(), nanos());
    let (authority, path) = plan
        .splitn(4, ',')
        .nth(3)
        .and_then(|url| url.split_once('/'))
        .unwrap_or_default();
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(connect);
    let _ = options.set_first_byte_timeout(first);
    let _ = options.set_between_bytes_timeout(between);
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some(authority));
    let _ = request.set_path_with_query(Some(&format!("/{path}")));
    let response = match wasi::http::outgoing_handler::handle(request, Some(options)) {
        Ok(response) => response,
        Err(error) => return format!("{error:?}"),
    };
    response.subscribe().block();
    let response = match response.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return format!("{error:?}"),
        other => return format!("{other:?}"),
    };
    let status = response.status();
    let Ok(body) = response.consume() else {
        return "no body".to_owned();
    };
    match body.stream() {
        Ok(stream) => {
            let (bytes, end) = to_end(&stream);
            format!("{status} {} {end}", String::from_utf8_lossy(&bytes))
        }
        Err(()) => "no stream".to_owned(),
    }
}

/// Reads a body to its end. Returns the bytes, and `whole` or the error that ended the body. Leaves the mark `reading` (a key in
/// the key-value store) when bytes arrive.
fn to_end(stream: &InputStream) -> (Vec<u8>, String) {
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(MAX_PIECE_BYTES) {
            Ok(piece) => {
                all.extend(piece);
                crate::mark("reading");
            }
            Err(StreamError::Closed) => return (all, "whole".to_owned()),
            Err(StreamError::LastOperationFailed(error)) => {
                return (all, format!("{:?}", http_error_code(&error)));
            }
        }
    }
}
