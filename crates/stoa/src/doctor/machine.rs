//! The application's requirements on this machine.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use stoa_up::{AppSource, Run, compiled_beside, missing_components};

use super::finding::Finding;
use crate::exit::Failure;

/// The inotify instances that the mesh of `make up` uses; a test counts them.
const WATCHES: u32 = 54;

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
        let detail = "no istio/compiled here, so it runs without a mesh";
        return Finding::optional("Envoy", detail);
    }
    let found = stoa_mesh::find_envoy(&manifest.with_file_name("target/envoy"));
    let found = found.map(|program| program.display().to_string());
    Finding::needed("Envoy", found.map_err(|error| error.to_string()))
}

/// Checks the limit of inotify instances per user: an Envoy uses one for each file that it watches.
pub(super) fn watches() -> Finding {
    const LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";
    let text = std::fs::read_to_string(LIMIT).unwrap_or_default();
    let result = match text.trim().parse::<u32>() {
        Ok(limit) if limit < WATCHES => Err(format!(
            "{limit} instances, and a mesh takes {WATCHES}: sysctl fs.inotify.max_user_instances=512"
        )),
        Ok(limit) => Ok(format!(
            "{limit} instances for all programs of a user; a mesh takes {WATCHES}"
        )),
        Err(error) => Err(format!("{LIMIT}: {error}")),
    };
    Finding::needed("inotify", result)
}

pub(super) fn port(address: SocketAddr, state_dir: &Path) -> Finding {
    let result = match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) => match Run::running(state_dir) {
            Some(run) if run.gateway == format!("http://{address}") => Ok(format!(
                "{address} is where the application of {} answers, process {}",
                state_dir.display(),
                run.pid
            )),
            _ => Err(format!("{address}: {error}; use another with --listen")),
        },
    };
    Finding::needed("address", result)
}

pub(super) fn state_dir(path: &Path) -> Finding {
    // The check must not create the folder. The nearest existing parent shows whether the folder can be created.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = absolute
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    let probe = there.join(format!(".stoa-doctor-{}", std::process::id()));
    let result = std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe));
    let result = match result {
        Ok(()) => Ok(format!("{} can be written", path.display())),
        Err(error) => Err(format!(
            "{}: {error}; use another with --state-dir",
            there.display()
        )),
    };
    Finding::needed("state folder", result)
}
