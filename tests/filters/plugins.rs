//! Tests of shipped files: the size of each filter, and every `pluginConfig` in `istio/`, which the compiled filter must accept.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stoa_filter_host::{Filter, Options};

/// Finds every WasmPlugin object below a folder, including patches, and the path of its file.
fn find_plugins(folder: &Path, found: &mut Vec<(String, Value)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_plugins(&path, found);
        } else if path.extension().is_some_and(|end| end == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            for document in documents {
                let patches = document["patches"].as_array().cloned().unwrap_or_default();
                let patched = patches.iter().filter_map(|patch| patch["patch"].as_str());
                let patched = patched.map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
                let name = path.display().to_string();
                let all = patched
                    .chain([document])
                    .filter(|object| object["kind"] == "WasmPlugin");
                found.extend(all.map(|object| (name.clone(), object)));
            }
        }
    }
}

/// Configures the filters with every `pluginConfig` below a folder. Returns the number of these configurations.
pub(crate) fn configure_all(folder: &Path, wasm: impl Fn(&str) -> PathBuf) -> usize {
    let mut found = Vec::new();
    find_plugins(folder, &mut found);
    let mut filters = HashMap::new();
    let configured = found.iter().filter(|(file, plugin)| {
        let config = &plugin["spec"]["pluginConfig"];
        let name = plugin["metadata"]["name"].as_str().unwrap();
        let load = || Filter::load(wasm(name)).unwrap();
        let filter = filters.entry(name.to_owned()).or_insert_with(load);
        let vm = filter.start(Options::new()).unwrap();
        if !config.is_null() {
            vm.configure(config.to_string())
                .unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        !config.is_null()
    });
    configured.count()
}

#[test]
fn every_plugin_config_is_accepted_by_its_filter() {
    let read = configure_all(
        &stoa_testkit::workspace().join("istio"),
        stoa_testkit::filter,
    );
    assert!(read >= 2, "{read} pluginConfigs");
}

#[test]
fn every_example_in_the_documents_is_accepted_by_its_filter() {
    let mut read = 0;
    for file in [
        "docs/filters.md",
        "filters/payment-fault/README.md",
        "filters/canary-router/README.md",
    ] {
        let text = std::fs::read_to_string(stoa_testkit::workspace().join(file)).unwrap();
        for block in text.split("```json\n").skip(1) {
            let example = block.split("```").next().unwrap();
            let faults = match example.contains("\"services\"") {
                true => canary_router::config::Config::parse(example.as_bytes()).err(),
                false => payment_fault::config::Config::parse(example.as_bytes()).err(),
            };
            assert!(faults.is_none(), "{file}: {example}: {faults:?}");
            read += 1;
        }
    }
    assert_eq!(read, 5);
}

#[test]
fn every_plugin_sets_all_fields_of_its_loading() {
    for name in ["payment-fault", "canary-router"] {
        let path = stoa_testkit::workspace().join(format!("istio/plugins/{name}.yaml"));
        let plugin: Value =
            serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for field in [
            "selector",
            "phase",
            "priority",
            "match",
            "url",
            "imagePullSecret",
            "failStrategy",
            "pluginConfig",
        ] {
            assert!(!plugin["spec"][field].is_null(), "{name}: spec.{field}");
        }
        assert_eq!(
            plugin["spec"]["failStrategy"], "FAIL_OPEN",
            "{name}: the shop must work if the filter fails"
        );
    }
}

#[test]
fn each_filter_is_smaller_than_200_kb() {
    for name in ["payment-fault", "canary-router"] {
        let size = std::fs::metadata(stoa_testkit::filter(name)).unwrap().len();
        assert!(size < 200_000, "{name}: {size} bytes");
    }
}
