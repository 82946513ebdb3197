//! Uses its own grants at `/own`. At any other path, the library that it is composed with uses them. The query is the kind, with
//! a `+` before an address.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "what the macros expand to")]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

#[path = "../../library/src/probe.rs"]
mod probe;

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "what wit-bindgen generates")]
    wit_bindgen::generate!({ path: "../library/wit", world: "library-user" });
}

#[http_component]
fn use_it(request: Request) -> impl IntoResponse {
    let kind = request.query().replacen('+', " ", 1);
    let answer = match request.path() {
        "/own" => probe::probe(&kind),
        _ => bindings::test::library::probe::probe(&kind),
    };
    Response::new(200, answer)
}
