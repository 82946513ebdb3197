//! Which configuration an Envoy has applied, by kind: from its counters and the times of its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::envoy::Envoy;
use super::error::InspectError;
use crate::files::of_resource;

/// The counters from which the state is computed.
pub(super) const STATS: &str = "/stats?filter=(update_rejected|update_time|config_fail|membership_total|total_listeners_active|active_clusters)$";

/// The worst state of an Envoy's configuration.
pub(crate) async fn state(envoy: &Envoy) -> Result<State, InspectError> {
    let stats = envoy.get_soon(STATS).await?;
    Ok(worst(&kinds(&stats, &envoy.files)))
}

fn worst(kinds: &BTreeMap<&'static str, Kind>) -> State {
    let states = kinds.values().map(|kind| kind.state);
    states.max().unwrap_or_default()
}

/// A kind of configuration.
#[derive(Default)]
pub(super) struct Kind {
    pub(super) state: State,
    /// How many there are.
    pub(super) count: u64,
    /// The names of the rejected ones.
    pub(super) rejected: Vec<String>,
}

/// The state, with istioctl's names; the worst is the greatest.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// The Envoy has applied everything.
    #[default]
    Synced,
    /// The Envoy has not applied it yet.
    Stale,
    /// The Envoy rejected it, and keeps the previous configuration.
    Rejected,
}

impl Kind {
    /// `SYNCED (5)`.
    pub(super) fn describe(&self) -> String {
        let state = match self.state {
            State::Synced => "SYNCED",
            State::Stale => "STALE",
            State::Rejected => "REJECTED",
        };
        format!("{state} ({})", self.count)
    }
}

/// Envoy's counters of one subscription.
#[derive(Default)]
struct Subscription {
    rejected: bool,
    /// Time of the last applied update, in milliseconds since 1970.
    updated: u64,
}

/// The state of each kind. `files` is the folder of the Envoy's files.
pub(super) fn kinds(stats: &str, files: &Path) -> BTreeMap<&'static str, Kind> {
    let mut kinds: BTreeMap<&'static str, Kind> = BTreeMap::new();
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
        let Some((of, counter)) = name.rsplit_once('.') else {
            continue;
        };
        if let Some(key) = subscription(of, files) {
            let found = subscriptions.entry(key).or_default();
            match counter {
                "update_time" => found.updated = value,
                "update_rejected" | "config_fail" => found.rejected |= value > 0,
                _ => {}
            }
        }
    }
    for ((kind, name, path), subscription) in subscriptions {
        let kind_of = kinds.entry(kind).or_default();
        if matches!(kind, "RDS" | "ECDS") {
            kind_of.count += 1;
        }
        let late = written(&path).is_some_and(|written| written > subscription.updated);
        let state = match (late, subscription.rejected) {
            (false, _) => State::Synced,
            (true, false) => State::Stale,
            (true, true) => State::Rejected,
        };
        if state == State::Rejected {
            kind_of.rejected.push(name);
        }
        kind_of.state = kind_of.state.max(state);
    }
    // Endpoints are part of their clusters here.
    if let Some(clusters) = kinds.get("CDS").map(|kind| kind.state) {
        kinds.insert(
            "EDS",
            Kind {
                state: clusters,
                count: endpoints,
                rejected: Vec::new(),
            },
        );
    }
    kinds
}

/// The kind, the name and the file of the subscription with these counters.
fn subscription(stat: &str, files: &Path) -> Option<(&'static str, String, PathBuf)> {
    let of = |kind, folder, name: &str| {
        let path = files.join(of_resource(folder, name));
        Some((kind, name.to_owned(), path))
    };
    match stat {
        "listener_manager.lds" => return of("LDS", "lds", "listeners"),
        "cluster_manager.cds" => return of("CDS", "cds", "clusters"),
        _ => {}
    }
    if let Some((_, name)) = stat
        .strip_prefix("http.")
        .and_then(|rest| rest.split_once(".rds."))
    {
        return of("RDS", "rds", name);
    }
    if let Some(name) = stat.strip_prefix("sds.") {
        return of("SDS", "sds", name);
    }
    let name = stat.strip_prefix("extension_config_discovery.")?;
    of("ECDS", "ecds", name.split_once('.')?.1)
}

/// When a file was written, in milliseconds since 1970.
fn written(path: &Path) -> Option<u64> {
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

    fn described(kinds: &BTreeMap<&'static str, Kind>, kind: &str) -> String {
        kinds.get(kind).map(Kind::describe).unwrap_or_default()
    }

    #[test]
    fn an_update_is_acknowledged_refused_or_not_yet_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let lds = folder.path().join("lds");
        std::fs::create_dir_all(&lds).expect("a folder");
        std::fs::write(lds.join("listeners.json"), "{}").expect("a file");
        // The file is newer, or older, than the last applied update.
        for (rejected, updated, expected, state) in [
            (0, NOW, "SYNCED (2)", State::Synced),
            (1, NOW, "SYNCED (2)", State::Synced),
            (0, 1, "STALE (2)", State::Stale),
            (1, 1, "REJECTED (2)", State::Rejected),
        ] {
            let kinds = kinds(&stats(rejected, updated), folder.path());
            assert_eq!(
                described(&kinds, "LDS"),
                expected,
                "rejected {rejected}, updated {updated}"
            );
            // The worst kind decides.
            assert_eq!(worst(&kinds), state);
            assert_eq!(described(&kinds, "CDS"), "SYNCED (5)");
            assert_eq!(described(&kinds, "EDS"), "SYNCED (3)");
            assert_eq!(described(&kinds, "RDS"), "SYNCED (1)");
            assert_eq!(described(&kinds, "ECDS"), "SYNCED (1)");
        }
    }

    #[test]
    fn a_subscription_has_the_file_that_it_was_given() {
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
