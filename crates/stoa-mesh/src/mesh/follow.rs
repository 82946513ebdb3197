//! Applies changed configuration, overrides and filter code while a mesh runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::applied::report_applied;
use super::error::MeshError;
use super::options::MeshOptions;
use super::shared::{Shared, workload_keys};
use crate::code::{self, Stamps};
use crate::compiled::{Compiled, WORKLOADS_FILE};
use crate::local::Overrides;
use crate::scenario::active_compiled_folder;
use crate::secrets::{Secrets, is_static};

/// Poll interval for new configuration, overrides and filter builds.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// If writing the Envoys' files fails, the mesh waits this long before it tries again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The modification times and inodes of all files from which the mesh makes the Envoys' files.
#[derive(Clone, PartialEq, Eq)]
struct FileStamps {
    /// The modification times and inodes of the compiled configuration and the overrides.
    configuration: Stamps,
    /// The modification times and inodes of the built filters.
    filters: Stamps,
}

impl FileStamps {
    fn read(options: &MeshOptions) -> Self {
        let mut files = json_files(&active_compiled_folder(
            &options.compiled,
            &options.state_dir,
        ));
        files.push(Overrides::file(&options.state_dir));
        Self {
            configuration: code::file_stamps(files),
            filters: code::filter_stamps(&options.filters),
        }
    }

    /// True if the compiled configuration exists. It is missing for a moment while istio-compile replaces the folder that contains
    /// it.
    fn has_configuration(&self, options: &MeshOptions) -> bool {
        let list =
            active_compiled_folder(&options.compiled, &options.state_dir).join(WORKLOADS_FILE);
        self.configuration.contains_key(&list)
    }
}

/// The JSON files below a folder.
fn json_files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                files.push(path);
            }
        }
    }
    files
}

/// Polls for changes to the compiled configuration, the built filters and the overrides. After a change, writes the Envoys' files
/// again.
pub(super) async fn follow(shared: Arc<Shared>) {
    let stamps = || FileStamps::read(&shared.options);
    let mut applied = stamps();
    let (mut previous, mut wait) = (applied.clone(), POLL_INTERVAL);
    let mut failed: Option<FileStamps> = None;
    loop {
        tokio::time::sleep(wait).await;
        wait = POLL_INTERVAL;
        let now = stamps();
        // Another program may still be writing the changed files. So the change is applied only after two polls in a row found the
        // same modification times.
        let settled = now == std::mem::replace(&mut previous, now.clone());
        if !settled || now == applied || !now.has_configuration(&shared.options) {
            continue;
        }
        match rewrite_files(&shared) {
            Ok(filters) => {
                for filter in filters {
                    tracing::info!(filter, "the Envoys get the new build of this filter");
                }
                report_applied(&shared, now.configuration != applied.configuration).await;
                (applied, failed) = (now, None);
            }
            Err(error) => {
                // The error may be transient, so the change is tried again. A repeated error is logged only if a file has changed
                // since the last log entry.
                if failed.as_ref() != Some(&now) {
                    tracing::error!(%error, "cannot apply the new configuration; the Envoys keep their previous configuration");
                }
                (failed, wait) = (Some(now), RETRY_INTERVAL);
            }
        }
    }
}

/// Writes all files of the Envoys again. Returns the names of the filters whose code changed.
fn rewrite_files(shared: &Shared) -> Result<Vec<String>, MeshError> {
    let options = &shared.options;
    let new = Compiled::read(&active_compiled_folder(
        &options.compiled,
        &options.state_dir,
    ))?;
    if workload_keys(&new) != shared.workloads {
        tracing::warn!("workloads were added or removed; restart the mesh to apply the change");
    }
    *shared
        .compiled
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
    let code = shared.code();
    let secrets = shared.write()?;
    tracing::debug!(?secrets, "the Envoys use these certificates");
    let none = Secrets::new();
    let bootstrapped = shared.bootstrapped.get().unwrap_or(&none);
    for (workload, authority) in new_authorities(&secrets, bootstrapped) {
        tracing::warn!(
            workload,
            authority,
            "this workload needs a certificate authority that its Envoy does not have; restart the mesh to apply the change"
        );
    }
    Ok(shared.code().new_since(&code))
}

/// The authorities that an Envoy needs, but that its bootstrap does not contain, each with the name of the Envoy's workload. If an
/// Envoy stops needing an authority, the authority stays in the bootstrap. So the authority is not new if the Envoy needs it again.
fn new_authorities<'a>(secrets: &'a Secrets, bootstrapped: &Secrets) -> Vec<(&'a str, &'a str)> {
    let mut new = Vec::new();
    for (workload, names) in secrets {
        let known = bootstrapped.get(workload);
        let is_new = |name: &&String| !known.is_some_and(|known| known.contains(*name));
        let names = names.iter().filter(|name| is_static(name)).filter(is_new);
        new.extend(names.map(|name| (workload.as_str(), name.as_str())));
    }
    new
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::code::FilterCode;
    use crate::mesh::write::FILTERS_FOLDER;

    /// Deadline for a condition to become true. It is long enough for a busy machine.
    const TEST_DEADLINE: Duration = Duration::from_secs(60);

    fn options(folder: &Path) -> MeshOptions {
        let options = MeshOptions::without_workloads(folder).expect("options");
        let proxy = options.compiled.join("shop/cart-v1-0");
        std::fs::create_dir_all(proxy).expect("a folder");
        options
    }

    async fn wait_until(what: &str, condition: impl Fn() -> bool) {
        let begin = Instant::now();
        while !condition() {
            assert!(
                begin.elapsed() < TEST_DEADLINE,
                "after {TEST_DEADLINE:?}, this is still not true: {what}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[test]
    fn a_changed_file_of_one_proxy_and_a_changed_override_are_both_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path());
        let before = FileStamps::read(&options);
        assert!(before.has_configuration(&options));
        let routes = options.compiled.join("shop/cart-v1-0/routes.json");
        std::fs::write(&routes, "{}").expect("written");
        let after = FileStamps::read(&options);
        assert!(before.configuration != after.configuration);
        // An editor's backup file is ignored.
        std::fs::write(routes.with_extension("json~"), "{}").expect("written");
        assert!(after == FileStamps::read(&options));
        Overrides::default()
            .write(&options.state_dir)
            .expect("written");
        assert!(after.configuration != FileStamps::read(&options).configuration);
        std::fs::remove_file(options.compiled.join("workloads.json")).expect("removed");
        assert!(!FileStamps::read(&options).has_configuration(&options));
    }

    #[test]
    fn an_authority_is_new_only_if_the_bootstrap_does_not_have_it() {
        let secrets = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Secrets::from([("shop/inventory-v1-0".to_owned(), names)])
        };
        let started = secrets(&["default", "ROOTCA"]);
        // First, mutual TLS is turned off, so the Envoy needs no authority. Then mutual TLS is turned on again.
        assert_eq!(new_authorities(&secrets(&[]), &started), []);
        assert_eq!(
            new_authorities(&secrets(&["default", "ROOTCA"]), &started),
            []
        );
        // A new certificate of a workload is not reported, because it is in a file, which the mesh can add at any time.
        assert_eq!(new_authorities(&secrets(&["other"]), &started), []);
        let third_party = secrets(&["ROOTCA", "file-root:system"]);
        let expected = [("shop/inventory-v1-0", "file-root:system")];
        assert_eq!(new_authorities(&third_party, &started), expected);
    }

    #[tokio::test]
    async fn a_failed_write_is_retried() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path());
        let shared = Arc::new(Shared::prepare(options.clone()).expect("a mesh"));
        // Filters cannot be copied, because a file is at the path where the folder for the copies should be.
        let copies = options.state_dir.join(FILTERS_FOLDER);
        std::fs::write(&copies, "").expect("written");
        let following = tokio::spawn(follow(Arc::clone(&shared)));
        // Lets the task run once, so that it reads the files' modification times before the test changes a file.
        tokio::task::yield_now().await;
        let before = shared.compiled();
        std::fs::write(options.filters.join("a.wasm"), "one").expect("written");
        wait_until("the mesh has read the configuration again", || {
            !Arc::ptr_eq(&before, &shared.compiled())
        })
        .await;
        let is_copied = || !shared.code().new_since(&FilterCode::default()).is_empty();
        assert!(!is_copied());
        // After this file is removed, the folder for the copies can be created. No other file changes, so only a retry can copy the
        // filter.
        std::fs::remove_file(&copies).expect("removed");
        wait_until("the filter is copied", is_copied).await;
        following.abort();
    }
}
