//! Follows the steps of docs/adding-a-filter.md: writes the files of the page into a workspace, and runs the commands. Then calls
//! the filter in the filter host, and in a real Envoy with the configuration that Istio generates from the manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use stoa_testkit::envoy::{Call, Filter, Setup};
use tempfile::TempDir;

use crate::plugins;

/// The test of step 4, exactly as on the page, with the filter that was built from the page.
mod in_the_filter_host {
    mod stoa_testkit {
        pub(super) fn filter(name: &str) -> std::path::PathBuf {
            assert_eq!(name, "read-only");
            super::super::REPLAY.wasm.clone()
        }
    }

    include!("adding/read_only.rs");
}

/// The result of steps 1 to 3, which run once for all tests.
static REPLAY: LazyLock<Replay> = LazyLock::new(Replay::new);

struct Replay {
    page: String,
    /// The files of the page, by path.
    files: BTreeMap<String, String>,
    folder: TempDir,
    wasm: PathBuf,
}

/// The files of the page, by path. On the page, a file is a line "`path`:" and the code block after that line.
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

/// The commands of the page: every line of the `sh` blocks.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1);
    blocks
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .collect()
}

/// Creates a workspace with only the filters, the manifests, and the files of the page, so that cargo builds nothing else.
fn create_workspace(folder: &Path, files: &BTreeMap<String, String>) {
    let repository = stoa_testkit::workspace();
    let root = std::fs::read_to_string(repository.join("Cargo.toml")).unwrap();
    let (before, rest) = root.split_once("members = [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    let root = format!("{before}members = [\"crates/stoa-filter\", \"filters/read-only\"]{after}");
    // The root Cargo.toml also contains settings for packages that this workspace does not contain. They cause only warnings.
    std::fs::write(folder.join("Cargo.toml"), root).unwrap();
    std::fs::copy(repository.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
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
            .arg(repository.join(part))
            .arg(&into)
            .status();
        assert!(copied.unwrap().success(), "{part}");
    }
    // The files of the page may exist already, if a developer has followed the page in this repository.
    let followed = repository.join("filters/read-only").exists();
    for (name, text) in files {
        let is_new = followed || !repository.join(name).exists();
        assert!(is_new, "{name} exists already, but the page creates it");
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[track_caller]
fn run(process: &mut Command) {
    let output = process.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{process:?}:\n{text}");
}

impl Replay {
    fn new() -> Self {
        let page = stoa_testkit::workspace().join("docs/adding-a-filter.md");
        let page = std::fs::read_to_string(page).unwrap();
        let files = files(&page);
        let folder = tempfile::tempdir().unwrap();
        create_workspace(folder.path(), &files);
        // All runs use the same target folder, so that the next run builds only changes.
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("adding-a-filter");
        let commands = commands(&page);
        assert_eq!(commands[..2], ["cargo test -p read-only", "make wasm"]);
        // Instead of `make wasm`, the test runs the part of `make wasm` that builds this filter. The filter's dependencies are in
        // the lock file, so cargo downloads nothing.
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
        "the test on the page differs from tests/filters/adding/read_only.rs"
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

/// Compiles the manifests of the page, and returns the configuration of a plugin in the gateway's Envoy.
fn compiled_config(plugin: &str) -> Value {
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
        "{} does not exist; run `make mesh`",
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
fn step_5_adds_a_plugin_that_the_gateway_runs() {
    let folder = REPLAY.folder.path();
    let config = compiled_config("read-only")["configuration"]["value"].clone();
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
