//! A library component. It tries to use the grants of the component into which it is composed.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen's macro expands to unsafe code")]

mod probe;

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        reason = "wit-bindgen generates this code"
    )]
    wit_bindgen::generate!({ path: "wit", world: "library" });
}

struct Library;

bindings::export!(Library with_types_in bindings);

impl bindings::exports::test::library::probe::Guest for Library {
    fn probe(kind: String) -> String {
        probe::probe(&kind)
    }
}
