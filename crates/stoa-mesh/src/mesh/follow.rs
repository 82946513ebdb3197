//! What changes while a mesh runs: its configuration, the filters' code, certificates.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::{MeshError, MeshOptions, Secrets, Shared, Which, identified};
use crate::code::{self, Stamps};
use crate::compiled::{Compiled, LIST};
use crate::inspect::{State, state};
use crate::local::{Overrides, is_static};
use crate::scenario::{Scenario, in_force};

/// How often it is looked whether something was compiled, set or built anew, and at least between two looks at the certificates.
const LOOK: Duration = Duration::from_millis(300);
/// How long it is before what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long the Envoys have to take something before it is told that one has not.
const TAKE: Duration = Duration::from_secs(2);
/// How often they are asked meanwhile.
const ASK: Duration = Duration::from_millis(100);
/// At most between two looks at the certificates: as long may they be out of date after the machine was asleep.
const OLD: Duration = Duration::from_secs(5);

/// What the Envoys' files are made of, as it lies there.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    /// What was compiled or set.
    configuration: Stamps,
    filters: Stamps,
}

impl Seen {
    fn now(options: &MeshOptions) -> Self {
        let mut files = json(&in_force(&options.compiled, &options.state_dir));
        files.push(Overrides::file(&options.state_dir));
        Self {
            configuration: code::stamped(files),
            filters: code::stamps(&options.filters),
        }
    }

    /// A folder that is being replaced is not there for a moment.
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

/// Writes the Envoys' files anew when something was compiled or built, or set on this machine.
pub(super) async fn follow(shared: Arc<Shared>) {
    let look = || Seen::now(&shared.options);
    let mut taken = look();
    let (mut last, mut wait) = (taken.clone(), LOOK);
    let mut failed: Option<Seen> = None;
    loop {
        tokio::time::sleep(wait).await;
        wait = LOOK;
        let now = look();
        // Whoever writes files writes for a while: they are taken once they stay as they are.
        let settled = now == std::mem::replace(&mut last, now.clone());
        if !settled || now == taken || !now.is_there(&shared.options) {
            continue;
        }
        match renew(&shared) {
            Ok(filters) => {
                for filter in filters {
                    tracing::info!(filter, "built again, and given to the Envoys");
                }
                tell(&shared, now.configuration != taken.configuration).await;
                (taken, failed) = (now, None);
            }
            Err(error) => {
                // It may pass by itself, so it is tried again; it is told once.
                if failed.as_ref() != Some(&now) {
                    tracing::error!(%error, "the Envoys keep their configuration");
                }
                (failed, wait) = (Some(now), RETRY);
            }
        }
    }
}

/// Says whether the Envoys took what they were given.
async fn tell(shared: &Shared, configured: bool) {
    let begin = Instant::now();
    let mut left: Vec<_> = shared
        .envoys()
        .into_iter()
        .map(|e| (e, State::Stale))
        .collect();
    loop {
        for (envoy, seen) in &mut left {
            // One that does not answer reads its files when it starts.
            *seen = state(envoy).await.unwrap_or(State::Stale);
        }
        left.retain(|(_, seen)| *seen != State::Synced);
        if left.is_empty() || begin.elapsed() > TAKE {
            break;
        }
        tokio::time::sleep(ASK).await;
    }
    if configured && left.is_empty() {
        let scenario = Scenario::of(&shared.options.state_dir).map(|scenario| scenario.name);
        tracing::info!(scenario, "the Envoys have new configuration");
    }
    for (envoy, state) in left {
        let (envoy, log) = (&envoy.name, envoy.log.display());
        if state == State::Rejected {
            tracing::warn!(
                envoy,
                %log,
                "this Envoy refuses its new configuration and keeps what it had; its log says why"
            );
        } else {
            tracing::warn!(
                envoy,
                %log,
                "the Envoys have new configuration, and this one has not taken it yet"
            );
        }
    }
}

/// Writes everything anew, and says which filters are new.
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

/// The authorities that a workload's Envoy needs and its bootstrap does not have. One that was not needed for a while is there still.
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

/// Gives every proxy a new certificate when half of the old one's life is over. That is looked up on the clock on the wall, for the
/// one that sleeps are measured by stands still while the machine does.
pub(super) async fn rotate(shared: Arc<Shared>) {
    let lifetime = shared.options.certificate_lifetime;
    let (mut issued, mut failing) = (SystemTime::now(), false);
    loop {
        tokio::time::sleep((lifetime / 10).clamp(LOOK, OLD)).await;
        let now = SystemTime::now();
        if !is_due(issued, now, lifetime) {
            continue;
        }
        let secrets = shared.in_use().clone();
        match shared.certify(&secrets, Which::All) {
            Ok(()) => {
                tracing::debug!("the Envoys have new certificates");
                (issued, failing) = (now, false);
            }
            // It is tried again with the next look, and told once.
            Err(_) if failing => {}
            Err(error) => {
                tracing::error!(%error, "the Envoys keep their certificates");
                failing = true;
            }
        }
    }
}

/// Where the clock was set back, certificates may be valid only later: that is as good as old.
fn is_due(issued: SystemTime, now: SystemTime, lifetime: Duration) -> bool {
    let age = now.duration_since(issued).ok();
    age.is_none_or(|age| age >= lifetime / 2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{FILTERS, Mesh};
    use super::*;
    use crate::code::Code;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Of a mesh without workloads.
    fn options(folder: &Path) -> MeshOptions {
        let options = MeshOptions {
            compiled: folder.join("compiled"),
            state_dir: folder.join("mesh"),
            logs: folder.join("logs"),
            envoy: "/nowhere".into(),
            filters: folder.join("filters"),
            roots: "/nowhere".into(),
            gateway: BTreeMap::new(),
            certificate_lifetime: Duration::from_secs(3600),
        };
        for folder in [
            &options.compiled.join("shop/cart-v1-0"),
            &options.state_dir,
            &options.filters,
        ] {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        let list = options.compiled.join("workloads.json");
        std::fs::write(list, r#"{"workloads": []}"#).expect("written");
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
    fn certificates_are_renewed_after_half_their_life_and_when_the_clock_was_set_back() {
        let (issued, lifetime) = (SystemTime::now(), Duration::from_secs(3600));
        let due = |now| is_due(issued, now, lifetime);
        assert!(!due(issued));
        assert!(!due(issued + Duration::from_secs(1799)));
        assert!(due(issued + Duration::from_secs(1800)));
        // The machine was asleep.
        assert!(due(issued + Duration::from_secs(100_000)));
        assert!(due(issued - Duration::from_secs(1)));
    }

    #[test]
    fn a_proxys_file_alone_is_something_new_and_so_is_what_was_set() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path());
        let before = Seen::now(&options);
        assert!(before.is_there(&options));
        let routes = options.compiled.join("shop/cart-v1-0/routes.json");
        std::fs::write(&routes, "{}").expect("written");
        let after = Seen::now(&options);
        assert!(before.configuration != after.configuration);
        // What an editor leaves beside it is nothing.
        std::fs::write(routes.with_extension("json~"), "{}").expect("written");
        assert!(after == Seen::now(&options));
        Overrides::default()
            .write(&options.state_dir)
            .expect("written");
        assert!(after.configuration != Seen::now(&options).configuration);
        std::fs::remove_file(options.compiled.join("workloads.json")).expect("removed");
        assert!(!Seen::now(&options).is_there(&options));
    }

    #[test]
    fn an_authority_is_new_only_if_the_bootstrap_does_not_have_it() {
        let secrets = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Secrets::from([("shop/inventory-v1-0".to_owned(), names)])
        };
        let started = secrets(&["default", "ROOTCA"]);
        // Without mutual TLS for a while, and then with it again.
        assert_eq!(new_authorities(&secrets(&[]), &started), []);
        assert_eq!(
            new_authorities(&secrets(&["default", "ROOTCA"]), &started),
            []
        );
        // A certificate is a file, and can come at any time.
        assert_eq!(new_authorities(&secrets(&["other"]), &started), []);
        let third_party = secrets(&["ROOTCA", "file-root:system"]);
        let expected = [("shop/inventory-v1-0", "file-root:system")];
        assert_eq!(new_authorities(&third_party, &started), expected);
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path());
        let mesh = Mesh::prepare(options.clone()).expect("a mesh");
        // A file where copies are to go: no filter can be given to anybody.
        let copies = options.state_dir.join(FILTERS);
        std::fs::write(&copies, "").expect("written");
        let following = tokio::spawn(follow(Arc::clone(&mesh.shared)));
        // It looks for the first time.
        tokio::task::yield_now().await;
        let before = mesh.compiled();
        std::fs::write(options.filters.join("a.wasm"), "one").expect("written");
        until("it is tried", || !Arc::ptr_eq(&before, &mesh.compiled())).await;
        let given = || !mesh.shared.code().new_since(&Code::default()).is_empty();
        assert!(!given());
        // Nothing else changes.
        std::fs::remove_file(&copies).expect("removed");
        until("it is given", given).await;
        following.abort();
    }
}
