//! Tests the output and the exit codes of `stoa filter`. The tests of stoa-filter-image check that registries accept the images,
//! and the tests of `tools/istio-plugins` check that Istio accepts the images.

use std::net::TcpListener;

use crate::errors::{fails, prints};
use crate::fixture::Fixture;

/// A WebAssembly module that exports one empty function. Envoy recognizes a filter by the name of this function.
const FILTER: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x1b\x01\x17proxy_abi_version_0_2_1\0\0\
    \x0a\x04\x01\x02\0\x0b";

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("my_filter.wasm"), FILTER).unwrap();
    fixture
}

#[test]
fn packing_the_same_filter_again_prints_the_same_digest() {
    let fixture = fixture();
    let pack = [
        "filter",
        "pack",
        "my_filter.wasm",
        "--version=0.1.0",
        "--out=images",
    ];
    let first = fixture.run(&pack);
    let text = String::from_utf8_lossy(&first.stdout).into_owned();
    for word in [
        "image: my-filter:0.1.0",
        "abi: proxy-wasm 0.2.1",
        "digest: sha256:",
        " bytes",
    ] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert_eq!(fixture.run(&pack).stdout, first.stdout);
    let index = std::fs::read_to_string(fixture.path("images/index.json")).unwrap();
    assert_eq!(index.matches("my-filter:0.1.0").count(), 1, "{index}");
    let help = ["filter", "push", "--help"];
    prints(
        &fixture,
        &help,
        &["--insecure", "DOCKER_CONFIG", "REGISTRY/REPOSITORY:TAG"],
    );
}

#[test]
fn a_file_that_is_not_a_filter_exits_with_65_and_the_message_has_its_path() {
    let fixture = fixture();
    fixture.write("text.wasm", "this is text");
    std::fs::write(fixture.path("component.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    std::fs::write(fixture.path("module.wasm"), b"\0asm\x01\0\0\0").unwrap();
    std::fs::write(fixture.path("cut.wasm"), &FILTER[..40]).unwrap();
    for (file, words) in [
        ("text.wasm", "not WebAssembly"),
        ("component.wasm", "wasm32-wasip1"),
        ("module.wasm", "not a proxy-wasm filter"),
        ("cut.wasm", "not a valid WebAssembly module: "),
    ] {
        fails(
            &fixture,
            &["filter", "pack", file, "--out=images"],
            65,
            &[file, words],
        );
        let push = ["filter", "push", file, "127.0.0.1:1/a:1"];
        fails(&fixture, &push, 65, &[file, words]);
    }
    assert!(!fixture.path("images").exists());
    fixture.write("images/oci-layout", "{}");
    let push = ["filter", "push", "images", "127.0.0.1:1/a:1"];
    fails(&fixture, &push, 65, &["oci-layout", "1.0.0"]);
}

#[test]
fn an_invalid_name_tag_or_label_exits_with_64() {
    let fixture = fixture();
    let pack = |more: &'static str| ["filter", "pack", "my_filter.wasm", "--out=images", more];
    fails(&fixture, &pack("--name=a b"), 64, &["name", "a b"]);
    fails(&fixture, &pack("--annotation=x"), 64, &["KEY=VALUE"]);
    fails(&fixture, &pack("--created=now"), 64, &["--created"]);
    let push = |source: &'static str, to: &'static str| ["filter", "push", source, to];
    let untagged = push("my_filter.wasm", "127.0.0.1:1/a");
    fails(&fixture, &untagged, 64, &["127.0.0.1:1/a:TAG"]);

    for version in ["--version=1", "--version=2"] {
        assert!(fixture.run(&pack(version)).status.success());
    }
    let ambiguous = push("images", "127.0.0.1:1/a:1");
    fails(
        &fixture,
        &ambiguous,
        64,
        &["my-filter:1, my-filter:2", "image a:1"],
    );
    let late = [
        "filter",
        "push",
        "images",
        "127.0.0.1:1/my-filter:1",
        "--version=1",
    ];
    fails(&fixture, &late, 64, &["packed already", "stoa filter pack"]);
}

#[test]
fn a_missing_file_a_blocked_folder_and_a_silent_registry_have_different_exit_codes() {
    let fixture = fixture();
    let pack = |file: &'static str, out: &'static str| ["filter", "pack", file, out];
    fails(&fixture, &pack("none.wasm", "--out=i"), 66, &["none.wasm"]);
    fails(
        &fixture,
        &pack("my_filter.wasm", "--out=my_filter.wasm"),
        73,
        &["my_filter.wasm"],
    );
    // Nothing listens at the address of the registry. The test listens on the same port at another address of this machine. So no
    // other program can use this port during the test.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.2:{}", taken.local_addr().unwrap().port());
    let to = format!("{address}/my-filter:1");
    fails(
        &fixture,
        &["filter", "push", "my_filter.wasm", &to],
        69,
        &["no registry responds", &address],
    );
}
