//! Writes an artifact back as an application: a manifest, and a .wasm file for each component.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::artifact::Artifact;

/// Writes the application into `folder`. Returns the path of the manifest.
pub(crate) fn write(artifact: &Artifact, folder: &Path) -> PathBuf {
    let app = artifact.app();
    let mut components = Map::new();
    for component in app["components"].as_array().unwrap() {
        let id = component["id"].as_str().unwrap();
        let file = folder.join(format!("{id}.wasm"));
        std::fs::write(&file, artifact.blob(&component["source"]["digest"])).unwrap();
        let metadata = &component["metadata"];
        let table = json!({
            "source": file,
            "allowed_outbound_hosts": metadata["allowed_outbound_hosts"],
            "sqlite_databases": metadata["databases"],
            "key_value_stores": metadata["key_value_stores"],
            "variables": component["config"],
            "environment": component["env"],
        });
        components.insert(id.to_owned(), without_nulls(table));
    }
    let mut variables = app["variables"].clone();
    for variable in variables.as_object_mut().unwrap().values_mut() {
        variable["required"] = json!(variable.get("default").is_none());
    }
    let triggers = app["triggers"].as_array().unwrap().iter();
    let triggers: Vec<_> = triggers
        .map(|trigger| trigger["trigger_config"].clone())
        .collect();
    let manifest = json!({
        "spin_manifest_version": 2,
        "application": {"name": app["metadata"]["name"], "version": app["metadata"]["version"]},
        "variables": variables,
        "trigger": {"http": triggers},
        "component": components,
    });
    let path = folder.join("spin.toml");
    std::fs::write(&path, toml::to_string(&manifest).unwrap()).unwrap();
    path
}

/// TOML has no null.
fn without_nulls(mut table: Value) -> Value {
    table
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    table
}
