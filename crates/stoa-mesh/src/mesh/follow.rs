//! What changes while a mesh runs: its configuration, the filters' code, certificates.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use super::{MeshError, Shared, Which};
use crate::code;
use crate::compiled::{Compiled, Proxy};
use crate::local::{Overrides, is_static};

/// How often it is looked whether something was compiled, set or built anew.
const LOOK: Duration = Duration::from_millis(300);

/// Writes the Envoys' files anew when something was compiled or built, or set on this machine.
pub(super) async fn follow(shared: Arc<Shared>) {
    let (list, set) = (
        shared.options.compiled.join("workloads.json"),
        Overrides::file(&shared.options.state_dir),
    );
    let look = || (changed(&list), changed(&set));
    let filters = || code::stamps(&shared.options.filters);
    let (mut seen, mut seen_filters) = (look(), filters());
    let mut last = seen_filters.clone();
    loop {
        tokio::time::sleep(LOOK).await;
        let (now, now_filters) = (look(), filters());
        // Whoever copies a filter writes for a while: it is taken once it stays as it is.
        let settled = now_filters == std::mem::replace(&mut last, now_filters.clone());
        let configured = now != seen;
        let built = settled && now_filters != seen_filters;
        // A folder that is being replaced is not there for a moment.
        if !(configured || built) || now.0.is_none() {
            continue;
        }
        seen = now;
        if built {
            seen_filters = now_filters;
        }
        match renew(&shared) {
            Ok(filters) => {
                for filter in filters {
                    tracing::info!(filter, "built again, and given to the Envoys");
                }
                if configured {
                    tracing::info!("the Envoys have new configuration");
                }
            }
            Err(error) => tracing::error!(%error, "the Envoys keep their configuration"),
        }
    }
}

/// Writes everything anew, and says which filters are new.
fn renew(shared: &Shared) -> Result<Vec<String>, MeshError> {
    let new = Compiled::read(&shared.options.compiled)?;
    let of = |compiled: &Compiled| -> Vec<(String, std::net::Ipv4Addr, Proxy)> {
        let workloads = compiled.workloads.iter();
        workloads.map(|w| (w.name(), w.ip, w.proxy)).collect()
    };
    if of(&new) != of(&shared.compiled()) {
        tracing::warn!("workloads came or went: start again to have them");
    }
    *shared
        .compiled
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
    let before = shared.in_use().clone();
    let code = shared.code();
    for (workload, names) in shared.write()? {
        tracing::debug!(workload, ?names, "certificates in use");
        let known = before.get(&workload);
        let new =
            |name: &&String| is_static(name) && !known.is_some_and(|known| known.contains(*name));
        if let Some(authority) = names.iter().find(new) {
            tracing::warn!(
                workload,
                authority,
                "an authority is new: start again to have it"
            );
        }
    }
    Ok(shared.code().new_since(&code))
}

fn changed(path: &Path) -> Option<(SystemTime, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino()))
}

/// Gives every proxy a new certificate when half of the old one's life is over.
pub(super) async fn rotate(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.options.certificate_lifetime / 2).await;
        let secrets = shared.in_use().clone();
        match shared.certify(&secrets, Which::All) {
            Ok(()) => tracing::debug!("the Envoys have new certificates"),
            Err(error) => tracing::error!(%error, "the Envoys keep their certificates"),
        }
    }
}
