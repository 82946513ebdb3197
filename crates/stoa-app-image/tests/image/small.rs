//! The artifacts of small applications, member by member.

use serde_json::{Value, json};
use stoa_app_image::{PackError, PackedApp, pack};
use stoa_manifest::declaration;
use tempfile::TempDir;

use crate::artifact::{Artifact, component};

/// The smallest component.
pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A component with a custom section, so that its content differs from [`COMPONENT`].
const OTHER_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0\0\x02\x01x";

pub(crate) const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "notes"
version = "1.2.3"
description = "Keeps notes"
authors = ["Ann", "Bo"]
[variables]
colour = { default = "red", description = "A colour" }
token = { required = true, secret = true }
[[trigger.http]]
route = "/notes/..."
component = "notes"
[component.notes]
source = "notes.wasm"
"#;

/// A folder with a manifest, and with the components notes.wasm and other.wasm.
pub(crate) fn folder(manifest: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("notes.wasm"), COMPONENT).unwrap();
    std::fs::write(folder.path().join("other.wasm"), OTHER_COMPONENT).unwrap();
    folder
}

pub(crate) fn pack_in(folder: &TempDir) -> Result<PackedApp, PackError> {
    pack(&declaration(&folder.path().join("spin.toml")).unwrap())
}

fn artifact(manifest: &str) -> Artifact {
    Artifact::of(&pack_in(&folder(manifest)).unwrap())
}

fn digest_of(manifest: &str) -> String {
    pack_in(&folder(manifest))
        .unwrap()
        .image
        .digest()
        .to_owned()
}

#[test]
fn the_digest_of_an_application_does_not_change() {
    // Each call packs in another folder, so the digest does not depend on the folder or the time.
    assert_eq!(digest_of(MANIFEST), digest_of(MANIFEST));
    assert_eq!(
        digest_of(MANIFEST),
        "sha256:e097db721412ec76f5a8b17e8e18ac8231ee20b5ad1c636480d21114de5ae5cc",
        "a new digest means that every pushed application gets a new digest too"
    );
    let renamed = MANIFEST.replace("name = \"notes\"", "name = \"memos\"");
    assert_ne!(digest_of(&renamed), digest_of(MANIFEST));
}

#[test]
fn the_manifest_has_a_layer_for_each_component_and_one_for_the_application() {
    let artifact = artifact(MANIFEST);
    let types: Vec<_> = artifact.layers().iter().map(|l| &l["mediaType"]).collect();
    assert_eq!(
        types,
        [
            "application/vnd.wasm.content.layer.v1+wasm",
            "application/vnd.fermyon.spin.application.v1+config"
        ]
    );
    assert_eq!(artifact.blob(&artifact.layers()[0]["digest"]), COMPONENT);
    assert_eq!(
        artifact.manifest["annotations"],
        json!({
            "org.opencontainers.image.authors": "Ann, Bo",
            "org.opencontainers.image.description": "Keeps notes",
            "org.opencontainers.image.title": "notes",
            "org.opencontainers.image.version": "1.2.3",
        })
    );
    assert_eq!(
        artifact.config(),
        json!({
            "architecture": "wasm",
            "os": "wasip1",
            "config": {"Labels": {
                "com.fermyon.spin.lockedAppDigest": artifact.layers()[1]["digest"],
            }},
            "rootfs": {"type": "layers", "diff_ids": []},
        })
    );
}

#[test]
fn the_locked_application_has_the_members_of_the_manifest() {
    let artifact = artifact(MANIFEST);
    assert_eq!(
        artifact.app(),
        json!({
            "spin_lock_version": 0,
            "metadata": {
                "authors": ["Ann", "Bo"],
                "description": "Keeps notes",
                "name": "notes",
                "trigger": {"type": "http"},
                "triggers": {},
                "version": "1.2.3",
            },
            "variables": {
                "colour": {"default": "red", "description": "A colour"},
                "token": {"secret": true},
            },
            "triggers": [{
                "id": "notes-http-trigger",
                "trigger_type": "http",
                "trigger_config": {"component": "notes", "route": "/notes/..."},
            }],
            "components": [{
                "id": "notes",
                "metadata": {},
                "source": {
                    "content_type": "application/wasm",
                    "digest": artifact.layers()[0]["digest"],
                },
            }],
        })
    );
}

#[test]
fn a_component_keeps_its_grants_templates_and_build_command() {
    let app = artifact(&format!(
        r#"{MANIFEST}
description = "The notes"
allowed_outbound_hosts = ["https://{{{{ token }}}}", "https://*.example.com"]
sqlite_databases = ["default"]
key_value_stores = ["a", "b"]
environment = {{ LEVEL = "info" }}
variables = {{ token = "{{{{ token }}}}" }}
build = {{ command = ["make a", "make b"], workdir = "w", watch = ["src/**"] }}
"#
    ))
    .app();
    let notes = component(&app, "notes");
    assert_eq!(
        notes["metadata"],
        json!({
            "allowed_outbound_hosts": ["https://{{ token }}", "https://*.example.com"],
            "build": {"command": ["make a", "make b"], "watch": ["src/**"], "workdir": "w"},
            "databases": ["default"],
            "description": "The notes",
            "key_value_stores": ["a", "b"],
        })
    );
    assert_eq!(notes["env"], json!({"LEVEL": "info"}));
    assert_eq!(notes["config"], json!({"token": "{{ token }}"}));
}

#[test]
fn a_literal_address_of_a_component_is_a_requirement_of_the_host() {
    let calling = |host: &str| {
        let other = "[component.other]\nsource = \"other.wasm\"\n";
        artifact(&format!(
            "{MANIFEST}allowed_outbound_hosts = [{host:?}]\n{other}"
        ))
        .app()
    };
    let app = calling("http://other.spin.internal");
    assert_eq!(app["spin_lock_version"], 1);
    assert_eq!(
        app["must_understand"],
        json!(["component_host_requirements"])
    );
    assert_eq!(
        component(&app, "notes")["host_requirements"],
        json!({"local_service_chaining": "required"})
    );
    assert_eq!(component(&app, "other")["host_requirements"], Value::Null);
    let app = calling("http://other.example.com");
    assert_eq!(app["spin_lock_version"], 0);
    assert_eq!(app["must_understand"], Value::Null);
}

#[test]
fn triggers_get_the_ids_that_spin_gives_them() {
    let app = artifact(&format!(
        r#"{MANIFEST}
[[trigger.http]]
route = "/second"
component = "notes"
executor = {{ type = "spin" }}
[[trigger.http]]
id = "http-trigger2"
route = {{ private = true }}
component = "notes"
[[trigger.http]]
route = "/fourth"
component = "notes"
"#
    ))
    .app();
    let triggers = app["triggers"].as_array().unwrap();
    let ids: Vec<_> = triggers.iter().map(|t| &t["id"]).collect();
    let expected = [
        "notes-http-trigger",
        "http-trigger1",
        "http-trigger2",
        "http-trigger3",
    ];
    assert_eq!(ids, expected);
    let config = |index: usize| &triggers[index]["trigger_config"];
    assert_eq!(config(1)["executor"], json!({"type": "spin"}));
    assert_eq!(config(2)["route"], json!({"private": true}));
}

#[test]
fn components_with_the_same_content_share_a_layer() {
    let other = |file: &str| format!("{MANIFEST}[component.other]\nsource = {file:?}\n");
    assert_eq!(artifact(&other("notes.wasm")).layers().len(), 2);
    let artifact = artifact(&other("other.wasm"));
    assert_eq!(artifact.layers().len(), 3);
    let app = artifact.app();
    let digest = &component(&app, "other")["source"]["digest"];
    assert_eq!(artifact.blob(digest), OTHER_COMPONENT);
}

#[test]
fn an_application_with_more_layers_than_registries_accept_is_rejected() {
    let folder = folder(MANIFEST);
    let mut manifest = MANIFEST.to_owned();
    for number in 0..500_u32 {
        let file = format!("c{number}.wasm");
        // A custom section whose name is the number.
        let name = number.to_string();
        let length = u8::try_from(name.len()).unwrap();
        let bytes = [COMPONENT, &[0, length + 1, length], name.as_bytes()].concat();
        std::fs::write(folder.path().join(&file), bytes).unwrap();
        manifest += &format!("[component.c{number}]\nsource = {file:?}\n");
    }
    std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
    let error = pack_in(&folder).unwrap_err();
    assert!(matches!(error, PackError::TooManyLayers(502)), "{error}");
    assert!(error.to_string().contains("at most 500"), "{error}");
}
