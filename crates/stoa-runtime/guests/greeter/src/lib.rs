//! Greets. A component without HTTP, made to be composed into others.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "what wit-bindgen's macro expands to")]
#![allow(missing_docs, unreachable_pub, reason = "what wit-bindgen generates")]

wit_bindgen::generate!({ path: "wit", world: "greeter" });

struct Greeter;

export!(Greeter);

impl exports::test::greeting::greet::Guest for Greeter {
    fn greet(name: String) -> String {
        if name.is_empty() {
            std::process::abort();
        }
        let variable = std::env::var("GREETING");
        format!("{}, {name}", variable.as_deref().unwrap_or("Hello"))
    }
}
