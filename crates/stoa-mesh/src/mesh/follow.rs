//! Applies changes of configuration and filter code while a mesh runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::applied::report_applied;
use super::error::MeshError;
use super::options::MeshOptions;
use super::shared::{Shared, identified};
use crate::code::{self, Stamps};
use crate::compiled::{Compiled, LIST};
use crate::local::Overrides;
use crate::scenario::in_force;
use crate::secrets::{Secrets, is_static};

/// Poll interval for new configuration, overrides and filter builds.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// Wait before a failed write is retried.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The stamps of all sources of the Envoys' files.
#[derive(Clone, PartialEq, Eq)]
struct FileStamps {
    /// The compiled configuration and the overrides.
    configuration: Stamps,
    filters: Stamps,
}

impl FileStamps {
    fn now(options: &MeshOptions) -> Self {
        let mut files = json(&in_force(&options.compiled, &options.state_dir));
        files.push(Overrides::file(&options.state_dir));
        Self {
            configuration: code::stamped(files),
            filters: code::stamps(&options.filters),
        }
    }

    /// Whether the compiled folder exists: while it is being replaced, it is missing for a moment.
    fn is_there(&self, options: &MeshOptions) -> bool {
        let list = in_force(&options.compiled, &options.state_dir).join(LIST);
        self.configuration.contains_key(&list)
    }
}

/// The JSON files below a folder.
fn json(folder: &Path) -> Vec<PathBuf> {
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

/// Writes the Envoys' files again after a change: new configuration, filter builds or overrides.
pub(super) async fn follow(shared: Arc<Shared>) {
    let stamps = || FileStamps::now(&shared.options);
    let mut taken = stamps();
    let (mut last, mut wait) = (taken.clone(), POLL_INTERVAL);
    let mut failed: Option<FileStamps> = None;
    loop {
        tokio::time::sleep(wait).await;
        wait = POLL_INTERVAL;
        let now = stamps();
        // Writing files takes a while: apply them once two polls see the same stamps.
        let settled = now == std::mem::replace(&mut last, now.clone());
        if !settled || now == taken || !now.is_there(&shared.options) {
            continue;
        }
        match renew(&shared) {
            Ok(filters) => {
                for filter in filters {
                    tracing::info!(filter, "built again, and given to the Envoys");
                }
                report_applied(&shared, now.configuration != taken.configuration).await;
                (taken, failed) = (now, None);
            }
            Err(error) => {
                // The error may be transient: retry it, but log it once.
                if failed.as_ref() != Some(&now) {
                    tracing::error!(%error, "the Envoys keep their configuration");
                }
                (failed, wait) = (Some(now), RETRY_INTERVAL);
            }
        }
    }
}

/// Writes all files again, and returns the names of the filters that are new.
fn renew(shared: &Shared) -> Result<Vec<String>, MeshError> {
    let options = &shared.options;
    let new = Compiled::read(&in_force(&options.compiled, &options.state_dir))?;
    if identified(&new) != shared.workloads {
        tracing::warn!("workloads came or went: start again to have them");
    }
    *shared
        .compiled
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
    let code = shared.code();
    let secrets = shared.write()?;
    tracing::debug!(?secrets, "certificates in use");
    let none = Secrets::new();
    let bootstrapped = shared.bootstrapped.get().unwrap_or(&none);
    for (workload, authority) in new_authorities(&secrets, bootstrapped) {
        tracing::warn!(
            workload,
            authority,
            "an authority is new: start again to have it"
        );
    }
    Ok(shared.code().new_since(&code))
}

/// The authorities that a workload's Envoy needs and its bootstrap lacks. The bootstrap keeps an authority that is not needed for a while.
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
    use crate::code::Code;
    use crate::mesh::write::FILTERS;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn options(folder: &Path) -> MeshOptions {
        let options = MeshOptions::without_workloads(folder).expect("options");
        let proxy = options.compiled.join("shop/cart-v1-0");
        std::fs::create_dir_all(proxy).expect("a folder");
        options
    }

    async fn until(what: &str, so: impl Fn() -> bool) {
        let begin = Instant::now();
        while !so() {
            assert!(begin.elapsed() < PATIENCE, "still not: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[test]
    fn a_proxys_file_alone_is_something_new_and_so_is_what_was_set() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path());
        let before = FileStamps::now(&options);
        assert!(before.is_there(&options));
        let routes = options.compiled.join("shop/cart-v1-0/routes.json");
        std::fs::write(&routes, "{}").expect("written");
        let after = FileStamps::now(&options);
        assert!(before.configuration != after.configuration);
        // An editor's backup file is ignored.
        std::fs::write(routes.with_extension("json~"), "{}").expect("written");
        assert!(after == FileStamps::now(&options));
        Overrides::default()
            .write(&options.state_dir)
            .expect("written");
        assert!(after.configuration != FileStamps::now(&options).configuration);
        std::fs::remove_file(options.compiled.join("workloads.json")).expect("removed");
        assert!(!FileStamps::now(&options).is_there(&options));
    }

    #[test]
    fn an_authority_is_new_only_if_the_bootstrap_does_not_have_it() {
        let secrets = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Secrets::from([("shop/inventory-v1-0".to_owned(), names)])
        };
        let started = secrets(&["default", "ROOTCA"]);
        // Mutual TLS is off for a while, then on again.
        assert_eq!(new_authorities(&secrets(&[]), &started), []);
        assert_eq!(
            new_authorities(&secrets(&["default", "ROOTCA"]), &started),
            []
        );
        // A certificate is a file, and can be added at any time.
        assert_eq!(new_authorities(&secrets(&["other"]), &started), []);
        let third_party = secrets(&["ROOTCA", "file-root:system"]);
        let expected = [("shop/inventory-v1-0", "file-root:system")];
        assert_eq!(new_authorities(&third_party, &started), expected);
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path());
        let shared = Arc::new(Shared::prepare(options.clone()).expect("a mesh"));
        // A file takes the place of the copies' folder: filters cannot be copied.
        let copies = options.state_dir.join(FILTERS);
        std::fs::write(&copies, "").expect("written");
        let following = tokio::spawn(follow(Arc::clone(&shared)));
        // The task reads the first stamps.
        tokio::task::yield_now().await;
        let before = shared.compiled();
        std::fs::write(options.filters.join("a.wasm"), "one").expect("written");
        until("it is tried", || !Arc::ptr_eq(&before, &shared.compiled())).await;
        let given = || !shared.code().new_since(&Code::default()).is_empty();
        assert!(!given());
        // Nothing else changes.
        std::fs::remove_file(&copies).expect("removed");
        until("it is given", given).await;
        following.abort();
    }
}
