//! At `/own`, this component uses its grants itself. At any other path, the component's library tries to use these grants. The
//! query names the grant to use. For a grant that needs an address, the query is the grant, `+` and the address.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the macros expand to unsafe code")]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

#[path = "../../library/src/probe.rs"]
mod probe;

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        reason = "wit-bindgen generates this code"
    )]
    wit_bindgen::generate!({ path: "../library/wit", world: "library-user" });
}

#[http_component]
fn run_probe(request: Request) -> impl IntoResponse {
    let kind = request.query().replacen('+', " ", 1);
    let answer = match request.path() {
        "/own" => probe::probe(&kind),
        _ => bindings::test::library::probe::probe(&kind),
    };
    Response::new(200, answer)
}
