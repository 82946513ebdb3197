//! Tests `stoa reset`, which removes a shop's data.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::errors::{fails, prints};
use crate::fixture::{Fixture, program};

/// Files that `stoa reset` removes.
const DATA_FILES: [&str; 5] = [
    "default.db",
    "default.db-wal",
    "key.value.db",
    "logs/shop-cart-v1-0.access.log",
    "mesh/overrides.json",
];
/// Files that `stoa reset` does not remove.
const KEPT_FILES: [&str; 4] = ["lock", "cache/code", "canary/lock", "canary/default.db"];

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    for name in DATA_FILES.iter().chain(&KEPT_FILES) {
        fixture.write(&format!(".stoa/{name}"), "{}");
    }
    fixture
}

fn all_exist(fixture: &Fixture, names: &[&str]) -> bool {
    let path = |name: &&str| fixture.path(".stoa").join(name).exists();
    names.iter().all(path)
}

/// Runs `stoa reset` with this answer to its question; returns the exit code and stderr.
fn reset_with_answer(fixture: &Fixture, answer: &str) -> (Option<i32>, String) {
    let mut child = Command::new(program())
        .current_dir(fixture.path(""))
        .arg("reset")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(answer.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_confirmed_reset_removes_only_the_data() {
    let fixture = fixture();
    for answer in ["", "\n", "n\n", "what?\n"] {
        let (code, text) = reset_with_answer(&fixture, answer);
        assert_eq!(code, Some(64), "{answer:?}: {text}");
        assert!(
            text.contains(".stoa/default.db") && text.contains("--yes"),
            "{text}"
        );
        assert!(all_exist(&fixture, &DATA_FILES), "{answer:?}");
    }
    assert_eq!(reset_with_answer(&fixture, "y\n").0, Some(0));
    for name in DATA_FILES {
        assert!(!all_exist(&fixture, &[name]), "{name}");
    }
    assert!(all_exist(&fixture, &KEPT_FILES));
    prints(&fixture, &["reset"], &[".stoa has no data"]);
}

#[test]
fn a_state_folder_in_use_and_other_folders_are_not_reset() {
    let fixture = Fixture::new();
    fixture.write("state/default.db", "{}");
    let shop = fixture.start();
    let reset = ["reset", "--yes", "--state-dir", "state"];
    let process = format!("process {}", shop.pid());
    fails(&fixture, &reset, 69, &["in use", &process]);
    assert!(fixture.path("state/default.db").exists());
    shop.gateway().get("/hello").send().expect(200).text();
    drop(shop);
    prints(&fixture, &reset, &["removed state/default.db"]);

    fixture.write("other/default.db", "{}");
    let reset = ["reset", "--yes", "--state-dir", "other"];
    fails(
        &fixture,
        &reset,
        66,
        &["no state folder other", "existing state folders: state"],
    );
    assert!(fixture.path("other/default.db").exists());
}
