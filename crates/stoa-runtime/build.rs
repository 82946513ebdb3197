//! Generates the host's bindings for Spin's interfaces, which `src/host/interfaces.rs` lists. This program reads the WIT files of
//! the spin-sdk crate that the guests are built with, so host and guest always have the same interfaces. The bindings of wasi:*
//! interfaces come from the wasmtime-wasi crates.
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wasmtime_internal_wit_bindgen::{FunctionConfig, FunctionFilter, FunctionFlags, Opts};
use wit_parser::Resolve;

/// One interface in the list of `src/host/interfaces.rs`.
struct Interface {
    /// `package:name/interface@version`
    import: &'static str,
    /// The interface's WIT file, relative to spin-sdk's `wit/deps`.
    wit: &'static str,
    /// The interface's resources, each with the Rust type that implements the resource.
    resources: &'static [(&'static str, &'static str)],
    /// The functions that may wait for a disk or a network.
    waiting: &'static [&'static str],
}

/// Reads those fields that this program needs from the list in `src/host/interfaces.rs`. `src/host.rs` reads the other fields of
/// the list.
macro_rules! interfaces {
    ($($module:ident: $state:ident {
        $($import:literal {
            bindings: $($binding:ident)::+,
            wit: $wit:literal,
            resources: [$($resource:literal = $type:ident),*],
            waiting: [$($waiting:literal),* $(,)?],
            grant: $grant:ident,
        })+
    })+) => {
        pub(super) const ALL: &[super::Interface] = &[$($(
            super::Interface {
                import: $import,
                wit: $wit,
                resources: &[$((
                    $resource,
                    concat!("crate::host::", stringify!($module), "::", stringify!($type)),
                ),)*],
                waiting: &[$($waiting),*],
            },
        )+)+];
    };
}

#[path = "src/host/interfaces.rs"]
mod interfaces;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/host/interfaces.rs");
    let wit = spin_sdk_folder()?.join("wit/deps");

    // spin-sdk's packages also contain worlds, and interfaces that import unused packages. So this program reads only the files of
    // the listed interfaces, and writes a new package header for each package.
    let mut packages: BTreeMap<String, String> = BTreeMap::new();
    let mut world = String::from("package stoa:host;\nworld spin-host {\n");
    let mut imports = FunctionConfig::new();
    let mut resources = Vec::new();
    for interface in interfaces::ALL {
        let import = interface.import;
        let (name, version) = import
            .split_once('@')
            .ok_or("src/host/interfaces.rs: an import has no version")?;
        let (package, _) = name
            .split_once('/')
            .ok_or("src/host/interfaces.rs: an import has no package")?;
        let package = format!("{package}@{version}");
        let head = format!("package {package};\n");
        let text = read(&wit.join(interface.wit))?;
        let text = text.lines().filter(|line| !line.starts_with("package "));
        let text = text.collect::<Vec<_>>().join("\n");
        *packages.entry(package).or_insert(head) += &(text + "\n");
        world += &format!("  import {import};\n");
        for function in interface.waiting {
            imports.push(
                FunctionFilter::Name(format!("{import}.{function}")),
                FunctionFlags::TRAPPABLE | FunctionFlags::ASYNC,
            );
        }
        for (resource, of_type) in interface.resources {
            resources.push((format!("{name}.{resource}"), (*of_type).to_owned()));
        }
    }
    world += "}\n";
    imports.push(FunctionFilter::Default, FunctionFlags::TRAPPABLE);

    let mut resolve = Resolve::default();
    for (package, text) in &packages {
        resolve.push_str(format!("{package}.wit"), text)?;
    }
    let world = resolve.push_str("host.wit", &world)?;
    let world = resolve.select_world(&[world], Some("spin-host"))?;
    let opts = Opts {
        imports,
        with: resources.into_iter().collect(),
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

/// The folder of the spin-sdk 5 crate in this workspace's lock file.
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
        .ok_or("the workspace does not depend on spin-sdk 5")?;
    let folder = Path::new(&manifest)
        .parent()
        .ok_or("the path of spin-sdk's Cargo.toml has no parent folder")?;
    Ok(folder.to_owned())
}
