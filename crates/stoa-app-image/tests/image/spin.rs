//! The shop's artifact, compared with the artifact of `spin registry push`. Without a program `spin` on PATH, the test prints that
//! it is skipped.

use std::process::Command;

use serde_json::Value;
use stoa_testkit::{Registry, workspace};

use crate::artifact::{Artifact, component};
use crate::shop::{declare, packed};

/// Pushes the shop with `spin registry push`; `None` if there is no program `spin`.
fn pushed_by_spin(registry: &Registry) -> Option<Artifact> {
    let push = Command::new("spin")
        .args(["registry", "push", "--insecure", "-f"])
        .arg(workspace().join("spin.toml"))
        .arg(format!("{}/spin/shop:1", registry.address))
        .output();
    let output = match push {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("cannot run spin: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    Some(Artifact::pull(&registry.address, "spin/shop", "1"))
}

#[test]
fn the_artifact_agrees_with_the_artifact_of_spin() {
    let registry = Registry::open();
    let Some(spin) = pushed_by_spin(&registry) else {
        println!("skipped: there is no program `spin` on PATH");
        return;
    };
    let stoa = Artifact::of(&packed());

    // The layers: equal types in the same order. A component without dependencies has the same bytes.
    let types = |artifact: &Artifact| -> Vec<Value> {
        let layers = artifact.layers().iter();
        layers.map(|layer| layer["mediaType"].clone()).collect()
    };
    assert_eq!(types(&stoa), types(&spin));
    let (mut stoa_app, mut spin_app) = (stoa.app(), spin.app());
    for declared in declare().components {
        let of_stoa = &component(&stoa_app, &declared.id)["source"]["digest"];
        let of_spin = &component(&spin_app, &declared.id)["source"]["digest"];
        if declared.dependencies.is_empty() {
            assert_eq!(of_stoa, of_spin, "{}", declared.id);
            assert_eq!(stoa.blob(of_stoa), spin.blob(of_spin), "{}", declared.id);
        } else {
            // A component that is composed with a dependency contains a guard, which Spin's composition does not have.
            assert_ne!(of_stoa, of_spin, "{}", declared.id);
        }
    }

    // The locked applications: equal except for the digests of composed components.
    for app in [&mut stoa_app, &mut spin_app] {
        for component in app["components"].as_array_mut().unwrap() {
            component["source"]["digest"].take();
        }
    }
    assert_eq!(stoa_app, spin_app);

    // The configurations: equal except for the digest of the locked application.
    let config = |artifact: &Artifact| {
        let mut config = artifact.config();
        let label = &mut config["config"]["Labels"]["com.fermyon.spin.lockedAppDigest"];
        assert_eq!(label.take(), artifact.layers().last().unwrap()["digest"]);
        config
    };
    assert_eq!(config(&stoa), config(&spin));
    let config_type = |artifact: &Artifact| artifact.manifest["config"]["mediaType"].clone();
    assert_eq!(config_type(&stoa), config_type(&spin));

    // The annotations: Spin adds the time of the push.
    let mut annotations = spin.manifest["annotations"].clone();
    let created = annotations.as_object_mut().unwrap();
    assert!(created.remove("org.opencontainers.image.created").is_some());
    assert_eq!(stoa.manifest["annotations"], annotations);
}
