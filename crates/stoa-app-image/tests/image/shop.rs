//! The shop's artifact, compared member by member with what stoa-manifest reads in `spin.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use stoa_app_image::{PackedApp, pack};
use stoa_image::digest;
use stoa_manifest::{Declaration, RoutePath, declaration};
use stoa_testkit::workspace;

use crate::artifact::{Artifact, component};

pub(crate) fn declare() -> Declaration {
    declaration(&workspace().join("spin.toml")).unwrap()
}

/// Packs the shop.
pub(crate) fn packed() -> PackedApp {
    pack(&declare()).unwrap_or_else(|error| panic!("{error}"))
}

/// A member that is left out if its value is empty.
fn optional(value: impl Into<Value>) -> Value {
    let value = value.into();
    let is_empty = match &value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if is_empty { Value::Null } else { value }
}

#[test]
fn every_variable_keeps_its_default_and_its_secrecy() {
    let (shop, app) = (declare(), Artifact::of(&packed()).app());
    let locked = app["variables"].as_object().unwrap();
    assert_eq!(locked.len(), shop.variables.len());
    assert!(shop.variables.len() > 20, "{}", shop.variables.len());
    for (name, variable) in &shop.variables {
        let secret = locked[name].get("secret") == Some(&json!(true));
        assert_eq!(locked[name]["default"], json!(variable.default), "{name}");
        assert_eq!(secret, variable.secret, "{name}");
    }
    let secrets = shop.variables.values().filter(|variable| variable.secret);
    assert_eq!(secrets.count(), 3);
}

#[test]
fn every_route_leads_to_its_component() {
    let (shop, app) = (declare(), Artifact::of(&packed()).app());
    let triggers = app["triggers"].as_array().unwrap();
    assert_eq!(triggers.len(), shop.triggers.len());
    assert!(triggers.len() > 20, "{}", triggers.len());
    for (locked, declared) in triggers.iter().zip(&shop.triggers) {
        let RoutePath::Public(path) = &declared.path else {
            panic!("the shop has a private route: {declared:?}");
        };
        assert_eq!(locked["trigger_type"], "http");
        assert_eq!(
            locked["trigger_config"],
            json!({"component": declared.component, "route": path})
        );
    }
    let ids: BTreeSet<_> = triggers.iter().map(|t| t["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), triggers.len(), "each trigger has its own id");
}

#[test]
fn every_component_keeps_its_hosts_databases_and_variables() {
    let (shop, app) = (declare(), Artifact::of(&packed()).app());
    let locked_ids = app["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["id"]);
    let ids = shop.components.iter().map(|c| &c.id);
    assert!(locked_ids.eq(ids), "{}", app["components"]);
    for declared in &shop.components {
        let (id, locked) = (&declared.id, component(&app, &declared.id));
        let metadata = &locked["metadata"];
        for (member, value) in [
            (
                "allowed_outbound_hosts",
                optional(declared.allowed_outbound_hosts.clone()),
            ),
            ("databases", optional(declared.sqlite_databases.clone())),
            (
                "key_value_stores",
                optional(declared.key_value_stores.clone()),
            ),
            ("description", optional(&*declared.description)),
        ] {
            assert_eq!(metadata[member], value, "{id}: {member}");
        }
        let config = optional(json!(declared.variables));
        assert_eq!(locked["config"], config, "{id}");
        assert_eq!(locked["env"], optional(json!(declared.environment)), "{id}");
        assert_eq!(locked["dependencies"], Value::Null, "{id} is composed");
    }
    let order = &component(&app, "order")["metadata"];
    assert_eq!(order["allowed_outbound_hosts"][0], "{{ product_url }}");
    assert_eq!(order["databases"], json!(["default"]));
}

#[test]
fn every_layer_is_the_component_in_its_file_unless_it_is_composed() {
    let (shop, artifact) = (declare(), Artifact::of(&packed()));
    let app = artifact.app();
    let mut composed = Vec::new();
    let mut by_digest: BTreeMap<String, &str> = BTreeMap::new();
    for declared in &shop.components {
        let layer = &component(&app, &declared.id)["source"]["digest"];
        let file = std::fs::read(&declared.source).unwrap();
        if declared.dependencies.is_empty() {
            assert_eq!(layer, &digest(&file), "{}", declared.id);
        } else {
            let content = artifact.blob(layer);
            assert!(content.len() > file.len(), "{}", declared.id);
            composed.push(&*declared.id);
        }
        by_digest.insert(layer.as_str().unwrap().to_owned(), &declared.id);
    }
    assert_eq!(composed, ["cart", "order"]);
    let layers = artifact.layers();
    assert_eq!(layers.len(), by_digest.len() + 1);
    for layer in &layers[..by_digest.len()] {
        assert!(
            by_digest.contains_key(layer["digest"].as_str().unwrap()),
            "{layer}"
        );
    }
}

#[test]
fn packing_the_shop_twice_gives_the_same_artifact() {
    let (first, second) = (packed(), packed());
    assert_eq!(first.image.digest(), second.image.digest());
    assert_eq!(first.reference, "stoa:0.1.0");
    assert_eq!(first.layers, declare().components.len() + 1);
}
