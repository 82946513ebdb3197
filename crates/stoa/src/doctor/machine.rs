//! Checks the files, the folders, the addresses and the limits that an application needs on this machine.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use stoa_up::{AppSource, Run, compiled_beside, missing_components};

use super::finding::Finding;
use crate::exit::Failure;

/// Number of inotify instances that the mesh of `make up` uses. A test compares this number with the number of instances that a
/// running mesh uses.
const MESH_INOTIFY_INSTANCES: u32 = 54;

pub(super) fn components(manifest: &Path) -> Finding {
    let source = AppSource {
        manifest: manifest.to_path_buf(),
        ..AppSource::default()
    };
    let result = match source.load() {
        Err(error) => Err(Failure::from(error).to_string()),
        Ok(app) => {
            let missing = missing_components(&app);
            let missing: Vec<_> = missing.iter().map(|s| s.display().to_string()).collect();
            if missing.is_empty() {
                Ok(format!(
                    "{} of {} built",
                    app.components.len(),
                    manifest.display()
                ))
            } else {
                Err(format!(
                    "not built: {}; run `make wasm`",
                    missing.join(", ")
                ))
            }
        }
    };
    Finding::needed("components", result)
}

pub(super) fn envoy(manifest: &Path) -> Finding {
    if compiled_beside(manifest).is_none() {
        let detail = "not needed: there is no istio/compiled beside the manifest, so the application runs without a mesh";
        return Finding::optional("Envoy", detail);
    }
    let found = stoa_mesh::find_envoy(&manifest.with_file_name("target/envoy"));
    let found = found.map(|program| program.display().to_string());
    Finding::needed("Envoy", found.map_err(|error| error.to_string()))
}

/// Checks the limit of inotify instances per user. An Envoy uses one inotify instance for each file that it watches.
pub(super) fn inotify() -> Finding {
    const LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";
    let text = std::fs::read_to_string(LIMIT).unwrap_or_default();
    let result = match text.trim().parse::<u32>() {
        Ok(limit) if limit < MESH_INOTIFY_INSTANCES => Err(format!(
            "the limit is {limit} inotify instances, and a mesh needs {MESH_INOTIFY_INSTANCES}; \
             run `sysctl fs.inotify.max_user_instances=512`"
        )),
        Ok(limit) => Ok(format!(
            "the limit is {limit} inotify instances for all programs of a user, and a mesh needs {MESH_INOTIFY_INSTANCES}"
        )),
        Err(error) => Err(format!("cannot read {LIMIT}: {error}")),
    };
    Finding::needed("inotify", result)
}

pub(super) fn port(address: SocketAddr, state_dir: &Path) -> Finding {
    let result = match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) => match Run::running(state_dir) {
            Some(run) if run.gateway == format!("http://{address}") => Ok(format!(
                "{address} is in use by the application with the state folder {}, process {}",
                state_dir.display(),
                run.pid
            )),
            _ => Err(format!(
                "cannot listen on {address}: {error}; choose another address with --listen"
            )),
        },
    };
    Finding::needed("address", result)
}

pub(super) fn state_dir(path: &Path) -> Finding {
    // The check must not create the state folder. So the check creates a folder with another name in the nearest parent folder that
    // exists, and removes that folder again.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let parent = absolute
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    let probe = parent.join(format!(".stoa-doctor-{}", std::process::id()));
    let result = std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe));
    let result = match result {
        Ok(()) => Ok(format!("{} is writable", path.display())),
        Err(error) => Err(format!(
            "cannot write to {}: {error}; choose another state folder with --state-dir",
            parent.display()
        )),
    };
    Finding::needed("state folder", result)
}
