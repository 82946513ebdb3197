//! docs/adding-a-filter.md, replayed: its files are written beside what they need, its commands run, and the filter asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::read_only;

/// The files of the page, by path: a line "`path`:" and the code block after it.
fn files(page: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut name = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(path) = line
            .strip_prefix('`')
            .and_then(|line| line.strip_suffix("`:"))
        {
            name = Some(path.to_owned());
        } else if line.starts_with("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let Some(name) = name.take() {
                files.insert(name, block.join("\n") + "\n");
            }
        }
    }
    files
}

/// The commands of the page, a line each.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1);
    blocks
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .collect()
}

/// A workspace of filters alone: nothing else has to be built for it.
fn lay_out(folder: &Path, files: &BTreeMap<String, String>) {
    let here = stoa_testkit::workspace();
    let root = std::fs::read_to_string(here.join("Cargo.toml")).unwrap();
    let (before, rest) = root.split_once("members = [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    let root = format!("{before}members = [\"crates/stoa-filter\", \"filters/read-only\"]{after}");
    // Settings for packages that are not here are no fault, but a warning each.
    std::fs::write(folder.join("Cargo.toml"), root).unwrap();
    std::fs::copy(here.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    for (part, into) in [
        ("crates/stoa-filter", "crates"),
        (".cargo", "."),
        ("scripts", "."),
    ] {
        let into = folder.join(into);
        std::fs::create_dir_all(&into).unwrap();
        let copied = Command::new("cp")
            .arg("-r")
            .arg(here.join(part))
            .arg(&into)
            .status();
        assert!(copied.unwrap().success(), "{part}");
    }
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn run(command: &str, folder: &Path, target: &Path) {
    let mut words = command.split(' ');
    let mut process = Command::new(words.next().unwrap());
    // Its crates are in the lock file of this workspace, so nothing has to be fetched.
    process.args(words).arg("--offline").current_dir(folder);
    process
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS");
    let output = process.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command}:\n{said}");
}

#[test]
fn the_page_makes_a_filter_that_does_what_it_says() {
    let page =
        std::fs::read_to_string(stoa_testkit::workspace().join("docs/adding-a-filter.md")).unwrap();
    let files = files(&page);
    assert_eq!(
        files["tests/filters/read_only.rs"],
        include_str!("read_only.rs"),
        "the page and the test differ"
    );
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path(), &files);
    // Kept, so that the next run builds only what changed.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("adding-a-filter");
    let commands = commands(&page);
    let cargo: Vec<_> = commands
        .iter()
        .filter(|line| line.starts_with("cargo "))
        .collect();
    assert_eq!(cargo.len(), 2, "{commands:?}");
    for command in cargo {
        run(command, folder.path(), &target);
    }
    let wasm = target.join("wasm32-wasip1/release/read_only.wasm");
    read_only::it_refuses_what_would_change_something(&wasm);
}
