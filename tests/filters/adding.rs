//! Replays docs/adding-a-filter.md: writes its files into a workspace, runs its commands, and calls the filter in the filter
//! host and in a real Envoy with the configuration that Istio makes of its manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use stoa_testkit::envoy::{Call, Filter, Setup};
use tempfile::TempDir;

use crate::plugins;

/// Step 4's test exactly as on the page, with the filter built from the page.
mod in_the_filter_host {
    mod stoa_testkit {
        pub(super) fn filter(name: &str) -> std::path::PathBuf {
            assert_eq!(name, "read-only");
            super::super::REPLAY.wasm.clone()
        }
    }

    include!("adding/read_only.rs");
}

/// Result of steps 1 to 3, which run once.
static REPLAY: LazyLock<Replay> = LazyLock::new(Replay::new);

struct Replay {
    page: String,
    /// The files of the page, by path.
    files: BTreeMap<String, String>,
    folder: TempDir,
    wasm: PathBuf,
}

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

/// The commands of the page, one per line.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1);
    blocks
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .collect()
}

/// A workspace with only the filters and the manifests: nothing else needs a build.
fn lay_out(folder: &Path, files: &BTreeMap<String, String>) {
    let here = stoa_testkit::workspace();
    let root = std::fs::read_to_string(here.join("Cargo.toml")).unwrap();
    let (before, rest) = root.split_once("members = [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    let root = format!("{before}members = [\"crates/stoa-filter\", \"filters/read-only\"]{after}");
    // Settings for packages that are missing here are only warnings.
    std::fs::write(folder.join("Cargo.toml"), root).unwrap();
    std::fs::copy(here.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    for (part, into) in [
        ("crates/stoa-filter", "crates"),
        (".cargo", "."),
        ("scripts", "."),
        ("istio", "."),
        ("k8s", "."),
        ("target/wasm-toolchain", "target"),
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
    // If a developer has followed the page, all of its files exist.
    let followed = here.join("filters/read-only").exists();
    for (name, text) in files {
        let is_new = followed || !here.join(name).exists();
        assert!(is_new, "{name} is there before the page");
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[track_caller]
fn run(process: &mut Command) {
    let output = process.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{process:?}:\n{said}");
}

impl Replay {
    fn new() -> Self {
        let page = stoa_testkit::workspace().join("docs/adding-a-filter.md");
        let page = std::fs::read_to_string(page).unwrap();
        let files = files(&page);
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path(), &files);
        // The target folder is kept, so that the next run builds only changes.
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("adding-a-filter");
        let commands = commands(&page);
        assert_eq!(commands[..2], ["cargo test -p read-only", "make wasm"]);
        // The second command is the part of `make wasm` for this filter. Its crates are in the lock file, so cargo downloads nothing.
        let wasm = "cargo_wasm \"$(wasm_toolchain)\" build --release --target wasm32-wasip1 -p read-only --offline";
        for command in [&format!("{} --offline", commands[0]), wasm] {
            let mut process = Command::new("bash");
            process.arg("-euc");
            process.arg(format!(". scripts/wasm-toolchain; {command}"));
            process.current_dir(&folder);
            process.env("CARGO_TARGET_DIR", &target);
            run(process.env_remove("RUSTFLAGS"));
        }
        Self {
            page,
            files,
            folder,
            wasm: target.join("wasm32-wasip1/release/read_only.wasm"),
        }
    }
}

#[test]
fn step_4_runs_the_test_of_the_page() {
    assert_eq!(
        REPLAY.files["tests/filters/read_only.rs"],
        include_str!("adding/read_only.rs"),
        "the page and the test differ"
    );
    let command = "cargo test --profile native --workspace --test filters read_only::";
    assert_eq!(commands(&REPLAY.page)[2], command);
    assert!(REPLAY.page.contains("```rust\nmod read_only;\n```"));
}

#[test]
fn step_5_packs_the_filter() {
    let command = commands(&REPLAY.page)[3];
    let (program, arguments) = command.split_once(' ').unwrap();
    assert_eq!(program, "target/native/stoa");
    let wasm = "target/wasm32-wasip1/release/read_only.wasm";
    let built = REPLAY.wasm.display().to_string();
    let mut process = Command::new(stoa_testkit::program());
    let arguments = arguments.replace(wasm, &built);
    run(process
        .args(arguments.split(' '))
        .current_dir(&REPLAY.folder));
    let index = REPLAY.folder.path().join("target/images/read-only");
    let index = std::fs::read_to_string(index.join("index.json")).unwrap();
    assert!(index.contains("read-only:0.1.0"), "{index}");
}

/// The gateway's Envoy configuration of the plugin.
fn compiled(plugin: &str) -> Value {
    let folder = REPLAY.folder.path();
    let list = folder.join("istio/plugins/kustomization.yaml");
    let text = std::fs::read_to_string(&list).unwrap();
    assert!(text.contains("resources:\n"), "{text}");
    let line = format!("  - {plugin}.yaml\n");
    if !text.contains(&line) {
        let with = text.replace("resources:\n", &format!("resources:\n{line}"));
        std::fs::write(&list, with).unwrap();
    }
    let tool = stoa_testkit::workspace().join("target/tools/istio-compile");
    assert!(
        tool.exists(),
        "{} is missing: run `make mesh`",
        tool.display()
    );
    let mut process = Command::new(tool);
    process.args(["--mesh-config", "istio/install/istio.yaml"]);
    process.args(["--out", "compiled", "k8s/overlays/local"]);
    run(process.current_dir(folder));
    let extensions = "compiled/istio-system/istio-ingressgateway-0/extensions.json";
    let extensions = std::fs::read(folder.join(extensions)).unwrap();
    let extensions: Value = serde_json::from_slice(&extensions).unwrap();
    let named = |resource: &&Value| {
        let name = resource["name"].as_str();
        name.is_some_and(|name| name.contains(plugin))
    };
    let mut all = extensions["resources"].as_array().unwrap().iter();
    all.find(named).unwrap()["typed_config"]["config"].clone()
}

#[test]
fn step_5_makes_a_plugin_that_the_gateway_runs() {
    let folder = REPLAY.folder.path();
    let config = compiled("read-only")["configuration"]["value"].clone();
    let config = config.as_str().unwrap();
    let filter = Filter::wasm("read-only", &REPLAY.wasm, config);
    let envoy = Setup::new().filter(filter).start();
    let post = |path: &str| envoy.send(Call::post(path).body("{}")).status;
    assert_eq!([post("/order"), post("/user/login")], [503, 200]);
    assert_eq!(envoy.send(Call::get("/product")).status, 200);
    let read = plugins::configure_all(&folder.join("istio"), |name| match name {
        "read-only" => REPLAY.wasm.clone(),
        other => stoa_testkit::filter(other),
    });
    assert!(read >= 3, "{read} pluginConfigs");
}
