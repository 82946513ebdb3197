//! Tests the output and the exit codes of `stoa app`. The tests of stoa-app-image check the artifacts.

use std::process::Output;

use stoa_testkit::Registry;

use crate::errors::{fails, prints};
use crate::fixture::{Fixture, command};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The value of a line `NAME: VALUE`.
#[track_caller]
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    let mut values = text.lines().filter_map(|line| line.strip_prefix(&*prefix));
    let value = values.next();
    assert!(value.is_some(), "no {name} in {text}");
    value.unwrap_or_default()
}

/// Pushes the fixture's application with the credentials in `auths`.
fn push(fixture: &Fixture, reference: &str, auths: &str) -> Output {
    fixture.write("docker/config.json", &format!(r#"{{"auths":{{{auths}}}}}"#));
    command(fixture.path("").as_path())
        .args(["app", "push", reference])
        .env("DOCKER_CONFIG", fixture.path("docker"))
        .output()
        .unwrap()
}

#[test]
fn packing_prints_the_digest_the_size_and_the_number_of_layers() {
    let fixture = Fixture::new();
    let first = fixture.run(&["app", "pack", "--output", "images"]);
    let lines = text(&first.stdout);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let image = value(&lines, "image");
    assert!(image.starts_with("fixture:1.0.0@sha256:"), "{lines}");
    assert!(value(&lines, "size").ends_with(" bytes"), "{lines}");
    assert_eq!(value(&lines, "layers"), "3");
    let index = std::fs::read_to_string(fixture.path("images/index.json")).unwrap();
    assert!(index.contains(image.split_once('@').unwrap().1), "{index}");

    let json = fixture.run(&["app", "pack", "--output", "images", "--json"]);
    let fields: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(fields["image"], image);
    assert_eq!(fields["layers"], 3);
    assert_eq!(
        format!("fixture:1.0.0@{}", fields["digest"].as_str().unwrap()),
        image
    );
    assert!(fields["size"].as_u64().unwrap() > 100_000, "{fields}");
    let help = ["app", "push", "--help"];
    prints(
        &fixture,
        &help,
        &[
            "Example:",
            "--insecure",
            "DOCKER_CONFIG",
            "REGISTRY/REPOSITORY:TAG",
        ],
    );
    prints(
        &fixture,
        &["app", "pack", "--help"],
        &["Example:", "--output"],
    );
}

#[test]
fn pushing_prints_the_reference_with_the_digest() {
    let fixture = Fixture::new();
    let registry = Registry::open();
    let reference = format!("{}/stoa/fixture:1", registry.address);
    let first = push(&fixture, &reference, "");
    assert!(first.status.success(), "{}", text(&first.stderr));
    let expected = format!("{}/stoa/fixture@sha256:", registry.address);
    let lines = text(&first.stdout);
    assert!(value(&lines, "image").starts_with(&expected), "{lines}");
    let again = push(&fixture, &reference, "");
    assert_eq!(text(&again.stdout), lines);
    assert!(text(&again.stderr).contains("already had this image"));
}

#[test]
fn a_registry_that_rejects_the_credentials_exits_with_77() {
    let fixture = Fixture::new();
    let registry = Registry::with_password();
    let reference = format!("{}/stoa/fixture:1", registry.address);
    let auth = |password: &str| {
        format!(
            r#""{}":{{"username":"ada","password":"{password}"}}"#,
            registry.address
        )
    };
    for auths in [String::new(), auth("guessed")] {
        let output = push(&fixture, &reference, &auths);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(77), "{message}");
        assert!(
            message.contains("rejected the push to stoa/fixture"),
            "{message}"
        );
        assert!(!message.contains("guessed"), "{message}");
    }
    let output = push(&fixture, &reference, &auth("s3cret"));
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn an_invalid_reference_exits_with_64_and_the_message_has_the_expected_form() {
    let fixture = Fixture::new();
    for (reference, words) in [
        ("127.0.0.1:1/stoa/shop", "127.0.0.1:1/stoa/shop:TAG"),
        ("stoa/shop:1", "REGISTRY/stoa/shop:1"),
        ("registry_example/shop:1", "has no registry"),
        ("registry!.example/shop:1", "REGISTRY/REPOSITORY:TAG"),
        ("https://registry.example/shop:1", "REGISTRY/REPOSITORY:TAG"),
        ("registry.example/Shop:1", "REGISTRY/REPOSITORY:TAG"),
    ] {
        fails(
            &fixture,
            &["app", "push", reference],
            64,
            &["REFERENCE: ", reference, words],
        );
    }
    fails(&fixture, &["app", "push"], 64, &["REFERENCE"]);
    fails(&fixture, &["app", "pack"], 64, &["--output"]);
}

#[test]
fn a_missing_manifest_or_component_exits_with_66() {
    let fixture = Fixture::new();
    let pack = ["app", "pack", "--output=i", "--manifest"];
    let with = |manifest: &'static str| [&pack[..], &[manifest]].concat();
    fails(
        &fixture,
        &with("none.toml"),
        66,
        &["none.toml", "--manifest"],
    );
    let manifest = "spin_manifest_version = 2\napplication = { name = \"a\" }\n[[trigger.http]]\nroute = \"/\"\n\
        component = \"a\"\n[component.a]\nsource = \"a.wasm\"\nbuild = { command = \"make a\" }\n";
    fixture.write("unbuilt.toml", manifest);
    let words = ["component a: ", "a.wasm is not built", "run `make a`"];
    fails(&fixture, &with("unbuilt.toml"), 66, &words);
    fixture.write("a.wasm", "this is text");
    let words = ["component a: ", "a.wasm", "not a WebAssembly component"];
    fails(&fixture, &with("unbuilt.toml"), 65, &words);
    fixture.write("bad.toml", "spin_manifest_version = 2\nsauce = 1\n");
    fails(
        &fixture,
        &with("bad.toml"),
        65,
        &["bad.toml:2:1: sauce: unknown key"],
    );
    assert!(!fixture.path("i").exists());
}

#[test]
fn a_folder_that_cannot_be_created_exits_with_73() {
    let fixture = Fixture::new();
    fixture.write("file", "");
    fails(&fixture, &["app", "pack", "--output=file"], 73, &["file"]);
}
