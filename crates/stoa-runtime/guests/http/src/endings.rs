//! The ways in which a guest can end: before its response, in the middle of its response, and after its response.
use std::hint::black_box;
use std::time::Duration;

use spin_sdk::http::{Headers, OutgoingBody, OutgoingResponse, ResponseOutparam};
use spin_sdk::key_value::Store;

/// The first bytes of each body that this file sends. A truncated body consists of only these bytes.
const BEGINNING: &[u8] = b"12345";

/// Ends the guest as `plan` describes: `WAY,MOMENT` or `WAY,MOMENT,LENGTH`. LENGTH is the declared length of the response's body.
///
/// The moments are:
/// - `silent`: before the guest starts a response.
/// - `begun`: after the guest has started the response, before any part of it was sent.
/// - `sent`: after the client has read the first bytes, which the test signals with `/mark?go`.
/// - `finished`: after the guest has written the whole response.
pub(crate) fn end(plan: &str, out: ResponseOutparam) {
    let mut words = plan.split(',');
    let mut word = || words.next().unwrap_or_default();
    let (way, moment, length) = (word(), word(), word());
    if moment == "silent" {
        fail(way);
        return;
    }
    let headers = Headers::new();
    if !length.is_empty() {
        let _ = headers.append("content-length", length.as_bytes());
    }
    let response = OutgoingResponse::new(headers);
    let Ok(body) = response.body() else { return };
    let Ok(stream) = body.write() else { return };
    out.set(response);
    let _ = stream.blocking_write_and_flush(BEGINNING);
    if moment == "sent" {
        wait_for("go");
    }
    if way == "more" {
        let _ = stream.blocking_write_and_flush(b"67890 and more");
    }
    drop(stream);
    if moment == "finished" {
        let _ = OutgoingBody::finish(body, None);
        fail(way);
        return;
    }
    match way {
        "finish" | "more" => drop(OutgoingBody::finish(body, None)),
        "drop" => drop(body),
        "leak" => std::mem::forget(body),
        _ => {
            fail(way);
            std::mem::forget(body);
        }
    }
}

/// Sends a request with a body, and fails in the middle of that body. `plan` is `WAY,AUTHORITY`.
pub(crate) fn fail_while_sending(plan: &str) {
    use wasi::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
    let (way, authority) = plan.split_once(',').unwrap_or_default();
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_method(&Method::Post);
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some(authority));
    let _ = request.set_path_with_query(Some("/count"));
    let Ok(body) = request.body() else { return };
    if let Ok(stream) = body.write() {
        let _ = stream.blocking_write_and_flush(BEGINNING);
    }
    let response = wasi::http::outgoing_handler::handle(request, None);
    wait_for("go");
    match way {
        "finish" => drop(OutgoingBody::finish(body, None)),
        _ => {
            fail(way);
            std::mem::forget(body);
        }
    }
    if let Ok(response) = response {
        response.subscribe().block();
    }
}

fn fail(way: &str) {
    match way {
        "trap" => std::process::abort(),
        "panic" => {
            let nothing: Option<()> = black_box(None);
            #[expect(clippy::unwrap_used, reason = "the request selects a panic")]
            nothing.unwrap();
        }
        "exit" => std::process::exit(0),
        "exit-1" => std::process::exit(1),
        "loop" => loop {
            black_box(0);
        },
        "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
        "memory" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(black_box(vec![1; 1 << 20]));
            }
        }
        "stack" => {
            black_box(recurse(u64::MAX));
        }
        // With `return`, the guest does not fail: it only returns.
        _ => {}
    }
}

fn recurse(depth: u64) -> u64 {
    match black_box(depth) {
        0 => 0,
        _ => 1 + black_box(recurse(depth - 1)),
    }
}

/// Waits until another request leaves the mark `mark`, which is a key in the key-value store.
fn wait_for(mark: &str) {
    let Ok(store) = Store::open_default() else {
        return;
    };
    while !store.exists(mark).unwrap_or(true) {
        std::thread::sleep(Duration::from_millis(1));
    }
}
