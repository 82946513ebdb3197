//! A library that tries to use every grant of its user.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "what wit-bindgen's macro expands to")]

mod probe;

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "what wit-bindgen generates")]
    wit_bindgen::generate!({ path: "wit", world: "library" });
}

struct Library;

bindings::export!(Library with_types_in bindings);

impl bindings::exports::test::library::probe::Guest for Library {
    fn probe(kind: String) -> String {
        probe::probe(&kind)
    }
}
