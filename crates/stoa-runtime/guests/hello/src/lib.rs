//! Answers "hello". This minimal component is for the benchmark, and for the tests of routing and isolation.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use std::sync::atomic::{AtomicU32, Ordering};

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

/// The number of requests that this instance has handled. The number is never over 1, because each request has its own instance.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

#[http_component]
fn hello(request: Request) -> impl IntoResponse {
    let body = match request.path() {
        "/requests" => (REQUESTS.fetch_add(1, Ordering::Relaxed) + 1)
            .to_string()
            .into_bytes(),
        // The response body lists the request's headers as the guest gets them, one header per line.
        path if path.starts_with("/headers") => {
            let mut lines: Vec<String> = request
                .headers()
                .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or("?")))
                .collect();
            lines.sort();
            lines.join("\n").into_bytes()
        }
        _ => b"hello".to_vec(),
    };
    Response::new(200, body)
}
