//! Passes the request's query to the component `greeter`, which is composed into this component, and answers with the greeting.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the macros expand to unsafe code")]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        reason = "wit-bindgen generates this code"
    )]
    wit_bindgen::generate!({ path: "../greeter/wit", world: "greeted" });
}

#[http_component]
fn greeted(request: Request) -> impl IntoResponse {
    Response::new(200, bindings::test::greeting::greet::greet(request.query()))
}
