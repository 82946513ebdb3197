//! Removal of a shop's data.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::errors::{fails, says};
use crate::fixture::{Fixture, program};

const DATA: [&str; 5] = [
    "default.db",
    "default.db-wal",
    "key.value.db",
    "logs/shop-cart-v1-0.access.log",
    "mesh/overrides.json",
];
const KEPT: [&str; 4] = ["lock", "cache/code", "canary/lock", "canary/default.db"];

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    for name in DATA.iter().chain(&KEPT) {
        fixture.write(&format!(".stoa/{name}"), "{}");
    }
    fixture
}

fn there(fixture: &Fixture, names: &[&str]) -> bool {
    let path = |name: &&str| fixture.path(".stoa").join(name).exists();
    names.iter().all(path)
}

fn answered(fixture: &Fixture, answer: &str) -> (Option<i32>, String) {
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
fn data_is_removed_after_a_yes_and_nothing_else_is() {
    let fixture = fixture();
    for answer in ["", "\n", "n\n", "what?\n"] {
        let (code, text) = answered(&fixture, answer);
        assert_eq!(code, Some(64), "{answer:?}: {text}");
        assert!(
            text.contains(".stoa/default.db") && text.contains("--yes"),
            "{text}"
        );
        assert!(there(&fixture, &DATA), "{answer:?}");
    }
    assert_eq!(answered(&fixture, "y\n").0, Some(0));
    for name in DATA {
        assert!(!there(&fixture, &[name]), "{name}");
    }
    assert!(there(&fixture, &KEPT));
    says(&fixture, &["reset"], &[".stoa has no data"]);
}

#[test]
fn a_folder_that_is_in_use_or_is_not_one_keeps_what_it_has() {
    let fixture = Fixture::new();
    fixture.write("state/default.db", "{}");
    let shop = fixture.start();
    let reset = ["reset", "--yes", "--state-dir", "state"];
    let process = format!("process {}", shop.pid());
    fails(&fixture, &reset, 69, &["in use", &process]);
    assert!(fixture.path("state/default.db").exists());
    shop.gateway().get("/hello").send().expect(200).text();
    drop(shop);
    says(&fixture, &reset, &["removed state/default.db"]);

    fixture.write("other/default.db", "{}");
    let reset = ["reset", "--yes", "--state-dir", "other"];
    fails(
        &fixture,
        &reset,
        66,
        &["no state folder other", "there is state"],
    );
    assert!(fixture.path("other/default.db").exists());
}
