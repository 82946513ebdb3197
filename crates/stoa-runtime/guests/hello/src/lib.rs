//! Says hello: the least a component can do, for the benchmark and the tests of routing and isolation.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "what the SDK's macro expands to")]

use std::sync::atomic::{AtomicU32, Ordering};

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

/// Would count requests if an instance served more than one.
static SEEN: AtomicU32 = AtomicU32::new(0);

#[http_component]
fn hello(request: Request) -> impl IntoResponse {
    let body = match request.path() {
        "/seen" => (SEEN.fetch_add(1, Ordering::Relaxed) + 1)
            .to_string()
            .into_bytes(),
        // What the guest was told about the request, one header a line.
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
