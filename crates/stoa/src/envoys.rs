//! The Envoys of a running mesh.

use std::path::Path;

use stoa_mesh::Admin;
use stoa_mesh::inspect::Envoy;
use stoa_up::{Run, RunWorkload, logs_folder, mesh_folder};

use crate::exit::{Code, Failure};

/// Returns the Envoys of the mesh that runs with this state folder.
pub(crate) fn envoys(state_dir: &Path) -> Result<Vec<Envoy>, Failure> {
    let run = Run::find(
        state_dir,
        "select the state folder of a running mesh with --state-dir",
    )?;
    let (files, logs) = (mesh_folder(state_dir), logs_folder(state_dir));
    let envoy = |workload: RunWorkload| {
        let admin = Admin::new(workload.admin?);
        Some(Envoy::new(&workload.name, admin, &files, &logs))
    };
    let envoys: Vec<_> = run.mesh.into_iter().filter_map(envoy).collect();
    if envoys.is_empty() {
        return Err(Failure::new(
            Code::Unavailable,
            format!(
                "the application in {} runs without a mesh",
                state_dir.display()
            ),
        ));
    }
    Ok(envoys)
}
