//! Passes the query to the greeter that it is composed with, and answers with the greeting.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "what the macros expand to")]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "what wit-bindgen generates")]
    wit_bindgen::generate!({ path: "../greeter/wit", world: "greeted" });
}

#[http_component]
fn greeted(request: Request) -> impl IntoResponse {
    Response::new(200, bindings::test::greeting::greet::greet(request.query()))
}
