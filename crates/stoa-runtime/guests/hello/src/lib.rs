//! Answers "hello": a minimal component for the benchmark and for the tests of routing and isolation.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "what the SDK's macro expands to")]

use std::sync::atomic::{AtomicU32, Ordering};

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

/// Counts requests of one instance: always 1, since each request has an instance of its own.
static SEEN: AtomicU32 = AtomicU32::new(0);

#[http_component]
fn hello(request: Request) -> impl IntoResponse {
    let body = match request.path() {
        "/seen" => (SEEN.fetch_add(1, Ordering::Relaxed) + 1)
            .to_string()
            .into_bytes(),
        // The request's headers as the guest sees them, one per line.
        path if path.starts_with("/told") => {
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
