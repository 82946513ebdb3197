//! How all Envoys are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::task::JoinSet;

use super::refused::reasons;
use super::table::{Table, or_dash};
use super::{Envoy, InspectError, items, json, text};
use crate::local::file;

/// The statistics that are looked at.
const STATS: &str = "/stats?filter=(update_rejected|update_time|config_fail|membership_total|total_listeners_active|active_clusters)$";
/// Of a serial number.
const SERIAL: usize = 12;

/// A line for each Envoy, and below the table why one did not take its configuration. One that does not answer is in the table as such.
///
/// # Errors
/// If one answers something else than Envoys do.
pub async fn status(envoys: &[Envoy], as_json: bool) -> Result<String, InspectError> {
    let mut asking = JoinSet::new();
    for (place, envoy) in envoys.iter().enumerate() {
        let envoy = envoy.clone();
        asking.spawn(async move { (place, Seen::of(&envoy).await) });
    }
    let mut seen = asking.join_all().await;
    seen.sort_by_key(|(place, _)| *place);
    let mut table = Table::new([
        "NAME",
        "STATE",
        "VERSION",
        "CDS",
        "LDS",
        "EDS",
        "RDS",
        "ECDS",
        "CERTIFICATE",
        "VALID FOR",
        "RUNS FOR",
    ]);
    let mut all_notes = Vec::new();
    for (envoy, (_, seen)) in envoys.iter().zip(seen) {
        let mut notes = String::new();
        let seen = seen.unwrap_or_else(|error| {
            notes.push_str(&format!("\n{error}\n"));
            Seen::silent()
        });
        let count = seen
            .kinds
            .values()
            .filter(|kind| kind.state == State::Rejected)
            .count();
        if count > 0 {
            notes.push_str(&format!(
                "\n{} keeps what it had, and refused:\n",
                envoy.name
            ));
            for (kind, found) in &seen.kinds {
                for name in &found.rejected {
                    notes.push_str(&format!("  {kind} {name}\n"));
                }
            }
            let rejected = seen.kinds.values().map(|kind| kind.rejected.len()).sum();
            for reason in reasons(&envoy.log, rejected) {
                notes.push_str(&format!("  {reason}\n"));
            }
            notes.push_str(&format!("  (from {})\n", envoy.log.display()));
        }
        let cell = |kind| seen.kinds.get(kind).map(Kind::said).unwrap_or_default();
        let [cds, lds, eds, rds, ecds] =
            ["CDS", "LDS", "EDS", "RDS", "ECDS"].map(cell).map(or_dash);
        table.row([
            envoy.name.clone(),
            seen.state,
            or_dash(seen.version),
            cds,
            lds,
            eds,
            rds,
            ecds,
            or_dash(seen.serial),
            or_dash(seen.remaining),
            or_dash(seen.age),
        ]);
        all_notes.push(notes);
    }
    if as_json {
        let mut objects = table.objects();
        for (object, note) in objects.iter_mut().zip(all_notes) {
            let note = Some(note.trim()).filter(|note| !note.is_empty());
            object.insert("note".to_owned(), note.into());
        }
        return Ok(json(&objects));
    }
    Ok(table.or("there are no Envoys") + &all_notes.concat())
}

/// The worst there is to say of what an Envoy was given.
pub(crate) async fn state(envoy: &Envoy) -> Result<State, InspectError> {
    let stats = envoy.get_soon(STATS).await?;
    Ok(worst(&kinds(&stats, &envoy.files)))
}

fn worst(kinds: &BTreeMap<&'static str, Kind>) -> State {
    let states = kinds.values().map(|kind| kind.state);
    states.max().unwrap_or_default()
}

/// What one Envoy says of itself.
struct Seen {
    state: String,
    version: String,
    kinds: BTreeMap<&'static str, Kind>,
    serial: String,
    remaining: String,
    /// Since its last start.
    age: String,
}

/// A kind of configuration.
#[derive(Default)]
struct Kind {
    state: State,
    /// How many there are.
    count: u64,
    /// Which were refused.
    rejected: Vec<String>,
}

/// As istioctl calls them; the worst is the greatest.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It has taken all of it.
    #[default]
    Synced,
    /// It has not taken it yet.
    Stale,
    /// It keeps what it had before.
    Rejected,
}

impl Kind {
    fn said(&self) -> String {
        let state = match self.state {
            State::Synced => "SYNCED",
            State::Stale => "STALE",
            State::Rejected => "REJECTED",
        };
        format!("{state} ({})", self.count)
    }
}

impl Seen {
    fn silent() -> Self {
        Self {
            state: "NOT ANSWERING".to_owned(),
            version: String::new(),
            kinds: BTreeMap::new(),
            serial: String::new(),
            remaining: String::new(),
            age: String::new(),
        }
    }

    async fn of(envoy: &Envoy) -> Result<Self, InspectError> {
        let (info, stats, certificates) = tokio::try_join!(
            envoy.json_soon("/server_info"),
            envoy.get_soon(STATS),
            envoy.json_soon("/certs"),
        )?;
        let (serial, remaining) = certificate(&certificates).unwrap_or_default();
        let version = text(&info, "/version")
            .split('/')
            .nth(1)
            .unwrap_or_default();
        Ok(Self {
            state: text(&info, "/state").to_owned(),
            version: version.to_owned(),
            kinds: kinds(&stats, &envoy.files),
            serial,
            remaining,
            age: text(&info, "/uptime_current_epoch").to_owned(),
        })
    }
}

/// What Envoy counts of each of its subscriptions.
#[derive(Default)]
struct Subscription {
    rejected: bool,
    /// In milliseconds since 1970.
    updated: u64,
}

fn kinds(stats: &str, files: &Path) -> BTreeMap<&'static str, Kind> {
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
    // Endpoints stand in their clusters.
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

/// The kind, the name and the file of what is counted as this.
fn subscription(stat: &str, files: &Path) -> Option<(&'static str, String, PathBuf)> {
    let of = |kind, folder, name: &str| {
        let path = files.join(file(folder, name));
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

/// When a certificate of `/certs` expires.
pub(crate) fn expiry(certificate: &Value) -> Option<SystemTime> {
    humantime::parse_rfc3339(text(certificate, "/expiration_time")).ok()
}

/// Whom a certificate of `/certs` is for.
pub(crate) fn certificate_names(certificate: &Value) -> Vec<String> {
    let names = items(certificate, "/subject_alt_names");
    let names = names.flat_map(|name| ["/uri", "/dns"].map(|kind| text(name, kind).to_owned()));
    names.filter(|name| !name.is_empty()).collect()
}

/// The serial number of an Envoy's identity, and how long it is valid yet. While a new one comes in, the old one is there too.
fn certificate(certificates: &Value) -> Option<(String, String)> {
    let chains = items(certificates, "/certificates");
    let all = chains.flat_map(|certificate| items(certificate, "/cert_chain"));
    let identities = all.filter(|certificate| {
        let names = certificate_names(certificate);
        names.iter().any(|name| name.starts_with("spiffe://"))
    });
    let newest = identities.filter_map(|certificate| Some((expiry(certificate)?, certificate)));
    let (expires, certificate) = newest.max_by_key(|(expires, _)| *expires)?;
    let serial = text(certificate, "/serial_number").chars().take(SERIAL);
    let remaining = match expires.duration_since(SystemTime::now()) {
        Ok(left) => humantime::format_duration(Duration::from_secs(left.as_secs())).to_string(),
        Err(_) => "EXPIRED".to_owned(),
    };
    Some((serial.collect(), remaining))
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

    fn said(kinds: &BTreeMap<&'static str, Kind>, kind: &str) -> String {
        kinds.get(kind).map(Kind::said).unwrap_or_default()
    }

    #[test]
    fn an_update_is_acknowledged_refused_or_not_yet_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let lds = folder.path().join("lds");
        std::fs::create_dir_all(&lds).expect("a folder");
        std::fs::write(lds.join("listeners.json"), "{}").expect("a file");
        // The file is younger than the last update that was taken, or older.
        for (rejected, updated, expected, state) in [
            (0, NOW, "SYNCED (2)", State::Synced),
            (1, NOW, "SYNCED (2)", State::Synced),
            (0, 1, "STALE (2)", State::Stale),
            (1, 1, "REJECTED (2)", State::Rejected),
        ] {
            let kinds = kinds(&stats(rejected, updated), folder.path());
            assert_eq!(
                said(&kinds, "LDS"),
                expected,
                "rejected {rejected}, updated {updated}"
            );
            // One kind that is not taken is enough.
            assert_eq!(worst(&kinds), state);
            assert_eq!(said(&kinds, "CDS"), "SYNCED (5)");
            assert_eq!(said(&kinds, "EDS"), "SYNCED (3)");
            assert_eq!(said(&kinds, "RDS"), "SYNCED (1)");
            assert_eq!(said(&kinds, "ECDS"), "SYNCED (1)");
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

    #[test]
    fn the_newest_identity_counts_and_one_that_is_over_is_said_to_be() {
        let of = |expires: &[&str]| {
            let chain = |expires: &&str| {
                serde_json::json!({"cert_chain": [{"serial_number": "0123456789abcdef", "expiration_time": expires,
                    "subject_alt_names": [{"uri": "spiffe://cluster.local/ns/shop/sa/cart"}]}]})
            };
            let certificates: Vec<_> = expires.iter().map(chain).collect();
            certificate(&serde_json::json!({"certificates": certificates}))
        };
        let (serial, remaining) = of(&["2020-01-01T00:00:00Z"]).expect("an identity");
        assert_eq!(
            (serial.as_str(), remaining.as_str()),
            ("0123456789ab", "EXPIRED")
        );
        let (_, remaining) =
            of(&["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]).expect("an identity");
        assert!(remaining.contains("years"), "{remaining}");
        assert_eq!(of(&[]), None);
    }
}
