//! The example `examples/counter` runs here with its own manifest.
use std::path::Path;

use crate::support::{Running, Setup, wasm};

fn manifest() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/counter/spin.toml");
    let text = std::fs::read_to_string(file).unwrap();
    // The head of the example's manifest is left out, because every test manifest already has a head. The path of the .wasm file
    // is replaced.
    let body = text.split_once("[variables]").unwrap().1;
    let source = "../../../../target/wasm32-wasip2/release/example_counter.wasm";
    assert!(body.contains(source));
    format!(
        "[variables]{}",
        body.replace(source, wasm("example-counter").to_str().unwrap())
    )
}

#[test]
fn counts_visits_and_remembers_them() {
    let app: Running = Setup::new(&manifest()).start();
    assert_eq!(app.get("/a").text(), "Welcome: visit 1 to /a\n");
    assert_eq!(app.get("/a").text(), "Welcome: visit 2 to /a\n");
    assert_eq!(app.get("/b").text(), "Welcome: visit 1 to /b\n");
    let folder = app.restart_folder();
    let mut setup = Setup::new(&manifest());
    setup.folder = folder;
    assert_eq!(setup.start().get("/a").text(), "Welcome: visit 3 to /a\n");
}

#[test]
fn the_manifest_of_the_example_is_valid() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/counter/spin.toml");
    let app = stoa_manifest::load(&file, &stoa_manifest::LoadOptions::default());
    assert_eq!(app.unwrap_or_else(|e| panic!("{e}")).name, "counter");
}
