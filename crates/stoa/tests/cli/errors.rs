//! Errors before anything runs: a message with the remedy, and an exit code from sysexits.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use crate::fixture::{Fixture, program};

#[track_caller]
pub(crate) fn fails(fixture: &Fixture, arguments: &[&str], code: i32, words: &[&str]) {
    let output = fixture.run(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{arguments:?}: no {word:?} in {text}");
    }
}

#[track_caller]
pub(crate) fn says(fixture: &Fixture, arguments: &[&str], words: &[&str]) {
    let output = fixture.run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    for word in words {
        assert!(text.contains(word), "{arguments:?}: no {word:?} in {text}");
    }
}

#[test]
fn help_and_version_are_answers_and_no_errors() {
    let fixture = Fixture::new();
    says(
        &fixture,
        &["--help"],
        &["Examples:", "stoa doctor", "Exit codes", "up", "check"],
    );
    says(
        &fixture,
        &["up", "--help"],
        &[
            "--operator-listen",
            "--no-timers",
            "SPIN_VARIABLE_NAME",
            "[default: 128MiB]",
        ],
    );
    says(&fixture, &["--version"], &[env!("CARGO_PKG_VERSION")]);
}

#[test]
fn a_wrong_command_line_is_64_and_named() {
    let fixture = Fixture::new();
    fails(&fixture, &["up", "--sauce"], 64, &["--sauce"]);
    fails(
        &fixture,
        &["up", "--listen", "8080"],
        64,
        &["--listen", "8080"],
    );
    fails(
        &fixture,
        &["up", "--memory", "64 apples"],
        64,
        &["--memory", "64 apples", "256MiB"],
    );
    fails(
        &fixture,
        &["up", "--request-timeout", "soon"],
        64,
        &["--request-timeout", "soon", "30s"],
    );
    fails(
        &fixture,
        &["up", "--max-instances", "0"],
        64,
        &["--max-instances"],
    );
    fails(&fixture, &["up", "--variable", "x"], 64, &["NAME=VALUE"]);
    fails(
        &fixture,
        &["up", "--log-level", "=,="],
        64,
        &["--log-level"],
    );
    fails(&fixture, &["down"], 64, &["down"]);
    fails(&fixture, &[], 64, &["Usage"]);
}

#[test]
fn a_missing_manifest_is_66_and_named() {
    fails(
        &Fixture::new(),
        &["up", "--manifest", "none.toml"],
        66,
        &["none.toml", "--manifest"],
    );
}

#[test]
fn a_wrong_manifest_is_65_with_all_its_faults() {
    let fixture = Fixture::new();
    fixture.write(
        "bad.toml",
        "spin_manifest_version = 2\nsauce = 1\n[application]\n[trigger]\n",
    );
    for command in ["up", "check"] {
        let words = [
            "bad.toml:2:1: sauce: unknown key",
            "bad.toml:3:2: application.name: is missing",
        ];
        fails(&fixture, &[command, "--manifest", "bad.toml"], 65, &words);
    }
    fails(&fixture, &["check", "--variable", "nope=1"], 65, &["nope"]);
    fails(
        &fixture,
        &["check", "--components", "nope"],
        65,
        &["nope", "hello"],
    );
}

#[test]
fn a_wrong_document_is_65_and_a_missing_one_66_only_if_it_was_named() {
    let fixture = Fixture::new();
    says(&fixture, &["check"], &["fixture 1.0.0"]);
    fails(
        &fixture,
        &["check", "--api", "none.yaml"],
        66,
        &["none.yaml"],
    );
    fixture.write("api/openapi.yaml", "paths: {/a: {get: {x-timer: 5}}}");
    fails(&fixture, &["check"], 65, &["openapi.yaml"]);
}

#[test]
fn a_component_that_is_not_built_is_66_with_the_command_that_builds_it() {
    let fixture = Fixture::new();
    let manifest = std::fs::read_to_string(fixture.path("spin.toml")).unwrap();
    fixture.write(
        "spin.toml",
        &manifest.replace("guest_hello.wasm", "guest_none.wasm"),
    );
    fails(&fixture, &["up"], 66, &["guest_none.wasm", "make wasm"]);
}

#[test]
fn a_file_that_is_no_component_is_65_and_named() {
    let fixture = Fixture::new();
    fixture.write("text.wasm", "this is text");
    let manifest = std::fs::read_to_string(fixture.path("spin.toml")).unwrap();
    let start = manifest.rfind("source = ").unwrap();
    fixture.write(
        "spin.toml",
        &format!("{}source = \"text.wasm\"\n", &manifest[..start]),
    );
    for command in [&["up", "--listen", "127.0.0.1:0"][..], &["check"]] {
        fails(
            &fixture,
            command,
            65,
            &["trouble", "text.wasm: is not a WebAssembly component"],
        );
    }
    // A missing build is not an error in the manifest.
    std::fs::remove_file(fixture.path("text.wasm")).unwrap();
    says(&fixture, &["check"], &["fixture 1.0.0"]);
}

#[test]
fn a_taken_port_is_69_and_names_address_and_flag() {
    let fixture = Fixture::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--operator-listen"] {
        let free = if flag == "--listen" {
            "--operator-listen"
        } else {
            "--listen"
        };
        fails(
            &fixture,
            &["up", flag, &address, free, "127.0.0.1:0"],
            69,
            &[&address, flag, "in use"],
        );
    }
    assert!(!fixture.path(".stoa/run.json").exists());
}

#[test]
fn a_state_folder_that_cannot_be_is_73() {
    let fixture = Fixture::new();
    fixture.write("file", "");
    fails(
        &fixture,
        &["up", "--state-dir", "file"],
        73,
        &["file", "--state-dir"],
    );
}

#[test]
fn check_says_what_is_declared() {
    let fixture =
        Fixture::new().with_api("paths: {/half: {get: {operationId: half, x-timer: 5s}}}");
    let words = [
        "spin.toml: fixture 1.0.0",
        "/hello/...",
        "hello",
        "/...",
        "trouble",
        "every 5s: GET /half",
    ];
    says(&fixture, &["check"], &words);
    says(
        &fixture,
        &["check", "--components", "hello"],
        &["/hello/..."],
    );
}

#[test]
fn doctor_is_content_where_all_is_here_and_69_where_something_is_missing() {
    let fixture = Fixture::new();
    let free = ["doctor", "--listen", "127.0.0.1:0"];
    let what = [
        "rust ",
        "wasm targets",
        "C compiler",
        "without a mesh",
        "2 of spin.toml built",
        "state folder",
        "Go ",
        "nothing needs it",
        "spin ",
    ];
    says(&fixture, &free, &what);
    assert!(
        !fixture.path(".stoa").exists(),
        "looking leaves nothing behind"
    );

    let output = Command::new(program())
        .args(free)
        .env("PATH", "/nowhere")
        .current_dir(fixture.path(""))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(69), "{out}{err}");
    assert!(
        out.contains("missing   rust") && out.contains("by rustup"),
        "{out}"
    );
    assert!(err.contains("not ready: rust"), "{err}");

    fixture.write("istio/compiled/workloads.json", "{}");
    let doctor = |envoy: PathBuf| {
        let mut command = Command::new(program());
        command.args(free).env("STOA_ENVOY", envoy);
        let output = command.current_dir(fixture.path("")).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, err) = doctor(fixture.path("envoy"));
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("not ready: Envoy"), "{err}");
    fixture.write("envoy", "");
    assert_eq!(doctor(fixture.path("envoy")), (Some(0), String::new()));
    std::fs::remove_dir_all(fixture.path("istio")).unwrap();

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(
        &fixture,
        &["doctor", "--listen", &address],
        69,
        &["not ready: address"],
    );
    fixture.write("spin.toml", "");
    fails(&fixture, &free, 69, &["not ready: components"]);
}
