//! Generates the host side of Spin's own interfaces from the WIT files inside the spin-sdk crate that the guests are
//! built with, so that host and guest never drift apart. wasi:* interfaces come from the wasmtime-wasi crates.
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wasmtime_internal_wit_bindgen::{FunctionConfig, FunctionFilter, FunctionFlags, Opts};
use wit_parser::Resolve;

/// The world of everything Spin-specific that this runtime answers.
const WORLD: &str = "package stoa:host;
world spin-host {
  import fermyon:spin/variables@2.0.0;
  import fermyon:spin/sqlite@2.0.0;
  import fermyon:spin/key-value@2.0.0;
  import spin:sqlite/sqlite@3.0.0;
  import spin:postgres/postgres@4.0.0;
}
";

/// Functions that may have to wait for a disk or a network.
const ASYNC: [&str; 12] = [
    "fermyon:spin/sqlite@2.0.0.[static]connection.open",
    "fermyon:spin/sqlite@2.0.0.[method]connection.execute",
    "spin:sqlite/sqlite@3.0.0.[static]connection.open",
    "spin:sqlite/sqlite@3.0.0.[method]connection.execute",
    "spin:postgres/postgres@4.0.0.[static]connection.open",
    "spin:postgres/postgres@4.0.0.[method]connection.query",
    "spin:postgres/postgres@4.0.0.[method]connection.execute",
    "fermyon:spin/key-value@2.0.0.[method]store.get",
    "fermyon:spin/key-value@2.0.0.[method]store.set",
    "fermyon:spin/key-value@2.0.0.[method]store.delete",
    "fermyon:spin/key-value@2.0.0.[method]store.exists",
    "fermyon:spin/key-value@2.0.0.[method]store.get-keys",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let wit = spin_sdk_folder()?.join("wit/deps");

    let mut resolve = Resolve::default();
    // The package fermyon:spin also holds worlds and interfaces that import what no guest of ours uses: take only
    // the files of the interfaces we answer.
    let spin = wit.join("spin@2.0.0");
    let mut package = String::from("package fermyon:spin@2.0.0;\n");
    for interface in ["variables", "sqlite", "key-value"] {
        package += &read(&spin.join(format!("{interface}.wit")))?;
    }
    resolve.push_str("spin.wit", &package)?;
    for file in [
        "spin-sqlite@3.0.0/sqlite.wit",
        "spin-postgres@4.0.0/postgres.wit",
    ] {
        resolve.push_str(file, &read(&wit.join(file))?)?;
    }
    let world = resolve.push_str("host.wit", WORLD)?;
    let world = resolve.select_world(&[world], Some("spin-host"))?;

    let mut imports = FunctionConfig::new();
    for name in ASYNC {
        imports.push(
            FunctionFilter::Name(name.to_owned()),
            FunctionFlags::TRAPPABLE | FunctionFlags::ASYNC,
        );
    }
    imports.push(FunctionFilter::Default, FunctionFlags::TRAPPABLE);
    let with = [
        (
            "fermyon:spin/sqlite.connection",
            "crate::host::sqlite::Connection",
        ),
        (
            "spin:sqlite/sqlite.connection",
            "crate::host::sqlite::Connection",
        ),
        (
            "spin:postgres/postgres.connection",
            "crate::host::postgres::Connection",
        ),
        (
            "fermyon:spin/key-value.store",
            "crate::host::key_value::Store",
        ),
    ];
    let opts = Opts {
        imports,
        with: with.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        require_store_data_send: true,
        ..Opts::default()
    };
    let code = opts.generate(&mut resolve, world)?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("spin.rs");
    fs::write(out, code)?;
    Ok(())
}

fn read(path: &Path) -> Result<String, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()).into())
}

/// The folder of the spin-sdk 5 crate that this workspace's lock file names.
fn spin_sdk_folder() -> Result<PathBuf, Box<dyn Error>> {
    let output = Command::new(env::var("CARGO")?)
        .args(["metadata", "--format-version", "1"])
        .output()?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("cargo metadata failed: {message}").into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let text = |value: &serde_json::Value, key: &str| {
        let text = value.get(key).and_then(serde_json::Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    println!(
        "cargo::rerun-if-changed={}/Cargo.lock",
        text(&metadata, "workspace_root")
    );
    let packages = metadata.get("packages").and_then(|p| p.as_array());
    let manifest = packages
        .into_iter()
        .flatten()
        .find(|p| text(p, "name") == "spin-sdk" && text(p, "version").starts_with("5."))
        .map(|p| text(p, "manifest_path"))
        .ok_or("spin-sdk 5 is not among this workspace's packages")?;
    let folder = Path::new(&manifest).parent().ok_or("no parent folder")?;
    Ok(folder.to_owned())
}
