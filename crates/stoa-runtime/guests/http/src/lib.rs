//! Sends outbound HTTP requests in the ways that the tests need. For most paths, the query of the request is the URL to call.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

mod endings;
mod reading;

use std::time::Duration;

use futures::SinkExt;
use spin_sdk::http::{
    Headers, IncomingRequest, Method, OutgoingResponse, Request, Response, ResponseOutparam, send,
};
use spin_sdk::http_component;
use spin_sdk::key_value::Store;

#[http_component]
async fn call(request: IncomingRequest, out: ResponseOutparam) {
    let path = request.path_with_query().unwrap_or_default();
    let (path, url) = path.split_once('?').unwrap_or((&path, ""));
    match path {
        "/get" => answer(out, get(url).await).await,
        "/post" => {
            let body = request.into_body().await.unwrap_or_default();
            let request = Request::post(url, body).build();
            answer(out, send_request(request).await).await;
        }
        // Pauses, and then does the same as `/get`. The query is the pause in milliseconds, a comma, and the URL.
        "/sleep-get" => {
            let (millis, url) = url.split_once(',').unwrap_or_default();
            std::thread::sleep(Duration::from_millis(millis.parse().unwrap_or(100)));
            answer(out, get(url).await).await;
        }
        // Requests `/slow?400` with a first-byte timeout. The query is the timeout in milliseconds, a comma, and the authority.
        "/first-byte-timeout" => {
            let (millis, authority) = url.split_once(',').unwrap_or_default();
            let text = get_with_timeout(millis.parse().unwrap_or(100), authority);
            answer(out, text).await;
        }
        "/set-host" => {
            let headers = Headers::new();
            let set = headers.append("host", b"other".as_ref());
            answer(out, format!("{set:?}")).await;
        }
        // Answers first, then works for a time and leaves the mark `later`. The query is the time in milliseconds.
        "/later" => {
            let response = OutgoingResponse::new(Headers::new());
            let mut body = response.take_body();
            out.set(response);
            let _ = body.send(b"answered".to_vec()).await;
            drop(body);
            std::thread::sleep(Duration::from_millis(url.parse().unwrap_or(100)));
            mark("later");
        }
        // Works for a time, leaves the mark `slow`, and then answers. The client may disconnect before the response.
        "/slow" => {
            std::thread::sleep(Duration::from_millis(url.parse().unwrap_or(100)));
            mark("slow");
            answer(out, "done".to_owned()).await;
        }
        "/marks" => {
            let store = Store::open_default();
            let keys = store.and_then(|s| s.get_keys()).unwrap_or_default();
            answer(out, keys.join(",")).await;
        }
        "/echo" => {
            let method = request.method();
            let is_post = matches!(method, Method::Post);
            let body = request.into_body().await.unwrap_or_default();
            let body = String::from_utf8_lossy(&body).into_owned();
            answer(out, format!("post={is_post} {url} {body}")).await;
        }
        "/nothing" => {}
        "/end" => endings::end(url, out),
        "/fail-while-sending" => endings::fail_while_sending(url),
        "/read" => answer(out, reading::read(url)).await,
        "/pieces" => reading::echo_pieces(request, out).await,
        "/count" => {
            let count = reading::count(&request);
            mark(&format!("counted {count}"));
            answer(out, count).await;
        }
        // Sends a response in two parts. The query is the pause between the parts, in milliseconds.
        "/parts" => {
            let response = OutgoingResponse::new(Headers::new());
            let mut body = response.take_body();
            out.set(response);
            let _ = body.send(b"one".to_vec()).await;
            std::thread::sleep(Duration::from_millis(url.parse().unwrap_or(100)));
            let _ = body.send(b"two".to_vec()).await;
        }
        // Answers without reading the request's body.
        "/refuse" => {
            let response = OutgoingResponse::new(Headers::new());
            let _ = response.set_status_code(401);
            let _ = out.set_with_body(response, b"no".to_vec()).await;
        }
        "/status" => {
            let response = OutgoingResponse::new(Headers::new());
            let _ = response.set_status_code(url.parse().unwrap_or(200));
            out.set(response);
        }
        "/mark" => {
            mark(url);
            answer(out, "marked".to_owned()).await;
        }
        _ => answer(out, "here".to_owned()).await,
    }
}

async fn get(url: &str) -> String {
    send_request(Request::get(url).build()).await
}

async fn send_request(request: Request) -> String {
    match send::<_, Response>(request).await {
        Ok(response) => {
            let status = response.status();
            format!("{status} {}", String::from_utf8_lossy(response.body()))
        }
        Err(error) => format!("error {error:?}"),
    }
}

fn get_with_timeout(millis: u64, authority: &str) -> String {
    use wasi::http::types::{Fields, OutgoingRequest, RequestOptions, Scheme};
    let options = RequestOptions::new();
    let _ = options.set_first_byte_timeout(Some(millis * 1_000_000));
    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&Scheme::Http));
    let _ = request.set_authority(Some(authority));
    let _ = request.set_path_with_query(Some("/slow?400"));
    match wasi::http::outgoing_handler::handle(request, Some(options)) {
        Ok(response) => {
            response.subscribe().block();
            match response.get() {
                Some(Ok(Ok(response))) => response.status().to_string(),
                other => format!("{other:?}"),
            }
        }
        Err(error) => format!("{error:?}"),
    }
}

/// Leaves a mark, which tests wait for. A mark is a key in the key-value store, and `/marks` lists all marks.
pub(crate) fn mark(name: &str) {
    if let Ok(store) = Store::open_default() {
        let _ = store.set(name, b"done");
    }
}

async fn answer(out: ResponseOutparam, text: String) {
    let response = OutgoingResponse::new(Headers::new());
    let _ = out.set_with_body(response, text.into_bytes()).await;
}
