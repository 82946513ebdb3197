//! The application under test: two guests of stoa-runtime's tests, in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use stoa_testkit::{Shop, ShopOptions, workspace};
use tempfile::TempDir;

const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "fixture"
version = "1.0.0"
[variables]
greeting = { default = "hello" }
[[trigger.http]]
route = "/hello/..."
component = "hello"
[[trigger.http]]
route = "/..."
component = "trouble"
[component.hello]
source = "HELLO"
variables = { greeting = "{{ greeting }}" }
[component.trouble]
source = "TROUBLE"
"#;

/// A temporary folder with the application's manifest.
pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let built = |name: &str| {
            workspace()
                .join("target/wasm32-wasip2/release")
                .join(name)
                .display()
                .to_string()
        };
        let manifest = MANIFEST
            .replace("HELLO", &built("guest_hello.wasm"))
            .replace("TROUBLE", &built("guest_trouble.wasm"));
        let fixture = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fixture.write("spin.toml", &manifest);
        fixture
    }

    /// Adds an OpenAPI document beside the manifest.
    pub(crate) fn with_api(self, document: &str) -> Self {
        self.write("api/openapi.yaml", document);
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a command in the folder until it exits.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        command(self.folder.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Options to start the application with the state folder `state`.
    pub(crate) fn options(&self) -> ShopOptions {
        ShopOptions {
            manifest: self.path("spin.toml"),
            state_dir: Some(self.path("state")),
            program: Some(program().to_path_buf()),
            ..ShopOptions::default()
        }
    }

    #[track_caller]
    pub(crate) fn start(&self) -> Shop {
        Shop::start(self.options())
    }
}

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_stoa"))
}

/// A command of the program, without the variables of the application in the environment.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SPIN_VARIABLE_") {
            command.env_remove(name);
        }
    }
    command
}
