//! Finds out which kinds of configuration an Envoy has applied. It compares the Envoy's statistics with the modification times of
//! the Envoy's files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::envoy::Envoy;
use super::error::InspectError;
use crate::files::resource_file;

/// The path of a request for the statistics from which the states are computed.
pub(super) const SYNC_STATS_PATH: &str = "/stats?filter=(update_rejected|update_time|config_fail|membership_total|total_listeners_active|active_clusters)$";

/// The worst state among all kinds of an Envoy's configuration.
pub(crate) async fn worst_state(envoy: &Envoy) -> Result<SyncState, InspectError> {
    let stats = envoy.get_for_overview(SYNC_STATS_PATH).await?;
    Ok(worst(&kind_states(&stats, &envoy.files)))
}

fn worst(kinds: &BTreeMap<&'static str, KindState>) -> SyncState {
    let states = kinds.values().map(|kind| kind.state);
    states.max().unwrap_or_default()
}

/// The state of one kind of configuration, such as listeners.
#[derive(Default)]
pub(super) struct KindState {
    pub(super) state: SyncState,
    /// The number of resources of this kind.
    pub(super) count: u64,
    /// The names of the subscriptions whose last update the Envoy rejected.
    pub(super) rejected: Vec<String>,
}

/// States whether an Envoy has applied its configuration. The names are those that istioctl shows. A later variant is a worse
/// state, and compares as greater.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SyncState {
    /// The Envoy has applied the current configuration.
    #[default]
    Synced,
    /// The Envoy has not applied the current configuration yet.
    Stale,
    /// The Envoy rejected the current configuration, and keeps the previous configuration.
    Rejected,
}

impl KindState {
    /// The state and the number of resources as text, such as `SYNCED (5)`.
    pub(super) fn describe(&self) -> String {
        let state = match self.state {
            SyncState::Synced => "SYNCED",
            SyncState::Stale => "STALE",
            SyncState::Rejected => "REJECTED",
        };
        format!("{state} ({})", self.count)
    }
}

/// The values of an Envoy's statistics about one subscription.
#[derive(Default)]
struct Subscription {
    rejected: bool,
    /// The time at which the Envoy last applied an update, in milliseconds since 1970.
    updated: u64,
}

/// The state of each kind of configuration. `stats` is the response to a request for [`SYNC_STATS_PATH`], and `files` is the folder
/// of the Envoy's files.
pub(super) fn kind_states(stats: &str, files: &Path) -> BTreeMap<&'static str, KindState> {
    let mut kinds: BTreeMap<&'static str, KindState> = BTreeMap::new();
    let mut subscriptions: BTreeMap<(&'static str, String, PathBuf), Subscription> =
        BTreeMap::new();
    let mut endpoints = 0;
    for (name, value) in stats.lines().filter_map(|line| line.rsplit_once(": ")) {
        let Ok(value) = value.parse::<u64>() else {
            continue;
        };
        match name {
            "listener_manager.total_listeners_active" => {
                kinds.entry("LDS").or_default().count = value
            }
            "cluster_manager.active_clusters" => kinds.entry("CDS").or_default().count = value,
            _ if name.starts_with("cluster.") && name.ends_with(".membership_total") => {
                endpoints += value
            }
            _ => {}
        }
        let Some((prefix, counter)) = name.rsplit_once('.') else {
            continue;
        };
        if let Some(key) = subscription(prefix, files) {
            let found = subscriptions.entry(key).or_default();
            match counter {
                "update_time" => found.updated = value,
                "update_rejected" | "config_fail" => found.rejected |= value > 0,
                _ => {}
            }
        }
    }
    for ((kind, name, path), subscription) in subscriptions {
        let kind_state = kinds.entry(kind).or_default();
        if matches!(kind, "RDS" | "ECDS") {
            kind_state.count += 1;
        }
        let file_is_newer =
            modified_at(&path).is_some_and(|modified| modified > subscription.updated);
        let state = match (file_is_newer, subscription.rejected) {
            (false, _) => SyncState::Synced,
            (true, false) => SyncState::Stale,
            (true, true) => SyncState::Rejected,
        };
        if state == SyncState::Rejected {
            kind_state.rejected.push(name);
        }
        kind_state.state = kind_state.state.max(state);
    }
    // In this mesh, endpoints are part of the configuration of their Envoy clusters. So the endpoints have the same state as the
    // clusters.
    if let Some(clusters) = kinds.get("CDS").map(|kind| kind.state) {
        kinds.insert(
            "EDS",
            KindState {
                state: clusters,
                count: endpoints,
                rejected: Vec::new(),
            },
        );
    }
    kinds
}

/// The kind, the name and the file of a subscription. `prefix` is the common beginning of the names of all statistics about the
/// subscription.
fn subscription(prefix: &str, files: &Path) -> Option<(&'static str, String, PathBuf)> {
    let found = |kind, folder, name: &str| {
        let path = files.join(resource_file(folder, name));
        Some((kind, name.to_owned(), path))
    };
    match prefix {
        "listener_manager.lds" => return found("LDS", "lds", "listeners"),
        "cluster_manager.cds" => return found("CDS", "cds", "clusters"),
        _ => {}
    }
    if let Some((_, name)) = prefix
        .strip_prefix("http.")
        .and_then(|rest| rest.split_once(".rds."))
    {
        return found("RDS", "rds", name);
    }
    if let Some(name) = prefix.strip_prefix("sds.") {
        return found("SDS", "sds", name);
    }
    let name = prefix.strip_prefix("extension_config_discovery.")?;
    found("ECDS", "ecds", name.split_once('.')?.1)
}

/// The modification time of a file, in milliseconds since 1970.
fn modified_at(path: &Path) -> Option<u64> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 4_000_000_000_000;

    fn stats(rejected: u64, updated: u64) -> String {
        format!(
            "cluster_manager.active_clusters: 5\ncluster_manager.cds.update_rejected: 0\ncluster_manager.cds.update_time: {NOW}\n\
             cluster.outbound|80||a.b.svc.cluster.local;.membership_total: 2\ncluster.inbound|80||;.membership_total: 1\n\
             listener_manager.lds.update_rejected: {rejected}\nlistener_manager.lds.update_time: {updated}\n\
             listener_manager.total_listeners_active: 2\nhttp.outbound_127.0.0.1_80;.rds.80.update_rejected: 0\n\
             http.outbound_127.0.0.1_80;.rds.80.update_time: {NOW}\nsds.default.update_time: {NOW}\n\
             extension_config_discovery.http_filter.extensions.istio.io/x/shop.y.config_fail: 0\n"
        )
    }

    fn described(kinds: &BTreeMap<&'static str, KindState>, kind: &str) -> String {
        kinds.get(kind).map(KindState::describe).unwrap_or_default()
    }

    #[test]
    fn an_update_is_synced_rejected_or_stale() {
        let folder = tempfile::tempdir().expect("a folder");
        let lds = folder.path().join("lds");
        std::fs::create_dir_all(&lds).expect("a folder");
        std::fs::write(lds.join("listeners.json"), "{}").expect("a file");
        // `updated` is the time of the last applied update. If `updated` is `NOW` (in the year 2096), the update is newer than the
        // file. If `updated` is 1 (in 1970), the update is older than the file.
        for (rejected, updated, expected, state) in [
            (0, NOW, "SYNCED (2)", SyncState::Synced),
            (1, NOW, "SYNCED (2)", SyncState::Synced),
            (0, 1, "STALE (2)", SyncState::Stale),
            (1, 1, "REJECTED (2)", SyncState::Rejected),
        ] {
            let kinds = kind_states(&stats(rejected, updated), folder.path());
            assert_eq!(
                described(&kinds, "LDS"),
                expected,
                "rejected {rejected}, updated {updated}"
            );
            // The Envoy's state is the worst state among all kinds of its configuration.
            assert_eq!(worst(&kinds), state);
            assert_eq!(described(&kinds, "CDS"), "SYNCED (5)");
            assert_eq!(described(&kinds, "EDS"), "SYNCED (3)");
            assert_eq!(described(&kinds, "RDS"), "SYNCED (1)");
            assert_eq!(described(&kinds, "ECDS"), "SYNCED (1)");
        }
    }

    #[test]
    fn a_subscription_is_mapped_to_its_file() {
        let files = Path::new("/xds");
        let path = |stat| subscription(stat, files).map(|(_, _, path)| path);
        assert_eq!(
            path("http.outbound_127.0.0.1_80;.rds.80"),
            Some("/xds/rds/80.json".into())
        );
        assert_eq!(path("sds.default"), Some("/xds/sds/default.json".into()));
        let extension = "extension_config_discovery.http_filter.extensions.istio.io/x/shop.y~z";
        let expected = "/xds/ecds/extensions.istio.io%2fx%2fshop.y%7ez.json";
        assert_eq!(path(extension), Some(expected.into()));
        assert_eq!(path("cluster.outbound|80||a;"), None);
    }
}
