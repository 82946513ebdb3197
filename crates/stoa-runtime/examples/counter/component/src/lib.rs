//! Counts the visits to each page in a key-value store. The greeting in the response comes from a variable.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::key_value::Store;
use spin_sdk::{http_component, variables};

#[http_component]
fn count(request: Request) -> Result<impl IntoResponse, Box<dyn std::error::Error>> {
    let page = request.path();
    let store = Store::open_default()?;
    let stored = store.get(page)?.and_then(|b| String::from_utf8(b).ok());
    let visits = stored.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) + 1;
    store.set(page, visits.to_string().as_bytes())?;
    let greeting = variables::get("greeting")?;
    Ok(Response::new(
        200,
        format!("{greeting}: visit {visits} to {page}\n"),
    ))
}
