//! Tests errors that a command finds before an application runs. Each message names the solution, and each exit code is from
//! sysexits.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use crate::fixture::{Fixture, program};

/// Runs a command, and checks its exit code and that stderr contains these words.
#[track_caller]
pub(crate) fn fails(fixture: &Fixture, arguments: &[&str], code: i32, words: &[&str]) {
    let output = fixture.run(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{arguments:?}: no {word:?} in {text}");
    }
}

/// Runs a command that must succeed, and checks that stdout contains these words.
#[track_caller]
pub(crate) fn prints(fixture: &Fixture, arguments: &[&str], words: &[&str]) {
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
fn help_and_version_exit_with_0() {
    let fixture = Fixture::new();
    prints(
        &fixture,
        &["--help"],
        &["Examples:", "stoa doctor", "Exit codes", "up", "check"],
    );
    prints(
        &fixture,
        &["up", "--help"],
        &[
            "--operator-listen",
            "--no-timers",
            "SPIN_VARIABLE_NAME",
            "[default: 128MiB]",
        ],
    );
    prints(&fixture, &["--version"], &[env!("CARGO_PKG_VERSION")]);
}

#[test]
fn an_invalid_command_line_exits_with_64_and_the_message_has_the_argument() {
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
fn a_missing_manifest_exits_with_66_and_the_message_has_its_path() {
    fails(
        &Fixture::new(),
        &["up", "--manifest", "none.toml"],
        66,
        &["none.toml", "--manifest"],
    );
}

#[test]
fn an_invalid_manifest_exits_with_65_and_all_errors_are_listed() {
    let fixture = Fixture::new();
    fixture.write(
        "bad.toml",
        "spin_manifest_version = 2\nsauce = 1\n[application]\n[trigger]\n",
    );
    for command in ["up", "check"] {
        let words = [
            "bad.toml:2:1: sauce: unknown key",
            "bad.toml:3:2: application.name: missing",
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
fn an_invalid_openapi_document_exits_with_65_and_a_missing_document_with_66_only_if_api_names_it() {
    let fixture = Fixture::new();
    prints(&fixture, &["check"], &["fixture 1.0.0"]);
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
fn a_component_that_is_not_built_exits_with_66_and_the_message_has_the_build_command() {
    let fixture = Fixture::new();
    let manifest = std::fs::read_to_string(fixture.path("spin.toml")).unwrap();
    fixture.write(
        "spin.toml",
        &manifest.replace("guest_hello.wasm", "guest_none.wasm"),
    );
    fails(&fixture, &["up"], 66, &["guest_none.wasm", "make wasm"]);
}

#[test]
fn a_file_that_is_not_a_component_exits_with_65_and_the_message_has_its_path() {
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
    // `stoa check` accepts a manifest whose components are not built.
    std::fs::remove_file(fixture.path("text.wasm")).unwrap();
    prints(&fixture, &["check"], &["fixture 1.0.0"]);
}

#[test]
fn a_port_in_use_exits_with_69_and_the_message_has_address_and_flag() {
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
fn a_state_folder_that_cannot_be_created_exits_with_73() {
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
fn check_prints_the_routes_and_timers() {
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
    prints(&fixture, &["check"], &words);
    prints(
        &fixture,
        &["check", "--components", "hello"],
        &["/hello/..."],
    );
}

#[test]
fn doctor_exits_with_0_if_all_requirements_are_met_and_with_69_otherwise() {
    let fixture = Fixture::new();
    let free = ["doctor", "--listen", "127.0.0.1:0"];
    let words = [
        "rust ",
        "wasm targets",
        "C compiler",
        "without a mesh",
        "2 of spin.toml built",
        "state folder",
        "Go ",
        "not needed: there is no tools/go.mod",
        "spin ",
    ];
    prints(&fixture, &free, &words);
    assert!(
        !fixture.path(".stoa").exists(),
        "the check must not create the state folder"
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
        out.contains("missing   rust") && out.contains("with rustup"),
        "{out}"
    );
    assert!(err.contains("requirements not met: rust"), "{err}");

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
    assert!(err.contains("requirements not met: Envoy"), "{err}");
    fixture.write("envoy", "");
    assert_eq!(doctor(fixture.path("envoy")), (Some(0), String::new()));
    std::fs::remove_dir_all(fixture.path("istio")).unwrap();

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(
        &fixture,
        &["doctor", "--listen", &address],
        69,
        &["requirements not met: address"],
    );
    fixture.write("spin.toml", "");
    fails(&fixture, &free, 69, &["requirements not met: components"]);
}
