//! Returns a greeting for a name. This component does not answer HTTP requests; it is composed into other components.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen's macro expands to unsafe code")]
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "wit-bindgen generates this code"
)]

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
