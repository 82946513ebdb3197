//! Answers with the value of the variable that the query names, or with the error.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::{http_component, variables};

#[http_component]
fn variable(request: Request) -> impl IntoResponse {
    match variables::get(request.query()) {
        Ok(value) => Response::new(200, value),
        Err(error) => Response::new(500, format!("{error:?}")),
    }
}
