//! A running mesh for the tests of scenarios. Its manifests change while it runs.
//!
//! Before the mesh starts, Istio's output is compiled into one folder for each scenario, and into one folder without a scenario.
//! The mesh reads a symbolic link that points to one of these folders.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_testkit::envoy::{Call, Connection, Reply};
use stoa_testkit::mesh::{Mesh, compile};
use stoa_testkit::{Client, Shop, ShopOptions, at_once, wait_for, wait_until};
use tempfile::TempDir;

use crate::customer::{Customer, EFFECT_TIMEOUT, Operator};

/// Name of the folder with the mesh configuration that applies when no scenario is active.
const NO_SCENARIO: &str = "plain";

/// Envoy's counters of accepted updates, for each kind of configuration file.
const ACCEPTED_UPDATES: [(&str, &str); 4] = [
    ("lds", r"^listener_manager\.lds\.update_success$"),
    ("cds", r"^cluster_manager\.cds\.update_success$"),
    ("rds", r"\.rds\..*update_success$"),
    ("ecds", r"^extension_config_discovery\..*update_success$"),
];
/// Envoy's gauges of configuration that is accepted but not active yet.
const WARMING: &str =
    r"^(listener_manager\.total_listeners_warming|cluster_manager\.warming_clusters)$";

/// The running mesh.
pub(super) struct Stage {
    pub(super) shop: Shop,
    pub(super) mesh: Mesh,
    pub(super) customer: Customer,
    pub(super) operator: Operator,
    /// A client that does not check responses against `api/openapi.yaml`, because the file does not contain Envoy's own responses.
    pub(super) gateway: Client,
    folder: TempDir,
}

/// A scenario, and the mesh in which it is tested.
pub(super) struct Scenario<'a> {
    pub(super) name: &'static str,
    pub(super) stage: &'a Stage,
}

/// The inodes of all files that Envoys read, by workload (`shop/cart-v1-0`), kind (`rds`) and path.
type Files = BTreeMap<(String, &'static str, PathBuf), u64>;

impl Stage {
    pub(super) fn start(scenarios: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<_> = [NO_SCENARIO].iter().chain(scenarios).collect();
        let begun = Instant::now();
        // Compiles two scenarios at a time, for machines with two processors.
        at_once(2, |half| {
            for name in names.iter().skip(half).step_by(2) {
                let component = format!("istio/scenarios/{name}");
                let components: &[&str] = if **name == NO_SCENARIO {
                    &[]
                } else {
                    &[&component]
                };
                compile(components, &folder.path().join(name));
            }
        });
        println!("{} compiled in {:.1?}", names.len(), begun.elapsed());
        let link = folder.path().join("compiled");
        symlink(folder.path().join(NO_SCENARIO), &link).unwrap();
        let shop = Shop::start(ShopOptions::mesh().timers(false).compiled(&link));
        let operator = Operator::of_shop(&shop);
        operator.set_stock("COF-001", 10_000);
        Self {
            mesh: shop.mesh(),
            customer: Customer::register(&shop, "ann"),
            operator,
            gateway: Client::new(shop.gateway().base()),
            shop,
            folder,
        }
    }

    /// Overrides the filter configurations of the manifests, and waits until every Envoy has applied the change.
    pub(super) fn override_filters(&self, overrides: &Value) {
        self.apply_change(|| self.shop.override_filters(overrides));
    }

    /// Restores the filters' configuration that was active when the test began. With this configuration, no payment fails.
    pub(super) fn restore_filters(&self) {
        self.override_filters(&json!({"payment-fault": {"enabled": false}}));
    }

    fn switch_to(&self, name: &str) {
        let new = self.folder.path().join("new");
        self.apply_change(|| {
            symlink(self.folder.path().join(name), &new).unwrap();
            std::fs::rename(&new, self.folder.path().join("compiled")).unwrap();
        });
    }

    /// Makes a change, and waits until every Envoy has applied its new configuration.
    fn apply_change(&self, change: impl FnOnce()) {
        let written = || {
            let log = self.shop.log();
            let applied = log.matches("all Envoys have applied the new configuration");
            // If an Envoy does not apply the configuration in time, the log contains a line about this Envoy, and not the line
            // about all Envoys.
            let late = log.matches("this Envoy has not applied its new configuration yet");
            applied.count() + late.count()
        };
        let (before, files, accepted_updates) = (written(), self.files(), self.accepted_updates());
        change();
        wait_until(EFFECT_TIMEOUT, "the new configuration files", || {
            written() > before
        });
        let mut expected = accepted_updates;
        let mut changed = 0;
        for (file, inode) in self.files() {
            if files.get(&file) != Some(&inode) {
                let (workload, kind, _) = file;
                *expected.entry((workload, kind)).or_default() += 1;
                changed += 1;
            }
        }
        assert!(changed > 0, "no configuration file was changed");
        wait_until(
            EFFECT_TIMEOUT,
            "the new configuration in the Envoys",
            || {
                let accepted_updates = self.accepted_updates();
                let enough =
                    |(of, count): (&(String, &str), &u64)| accepted_updates.get(of) >= Some(count);
                let proxies = || expected.keys().map(|(workload, _)| workload);
                expected.iter().all(enough)
                    && proxies().all(|workload| self.mesh.stat(workload, WARMING) == 0)
            },
        );
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        for workload in self.mesh.workloads.iter().filter(|w| w.admin.is_some()) {
            let folder = self.mesh.folder(&workload.name);
            for (kind, _) in ACCEPTED_UPDATES {
                for entry in std::fs::read_dir(folder.join(kind))
                    .into_iter()
                    .flatten()
                    .flatten()
                {
                    if let Ok(metadata) = entry.metadata() {
                        files.insert((workload.name.clone(), kind, entry.path()), metadata.ino());
                    }
                }
            }
        }
        files
    }

    fn accepted_updates(&self) -> BTreeMap<(String, &'static str), u64> {
        let proxies = self.mesh.workloads.iter().filter(|w| w.admin.is_some());
        let updates = |name: &String| {
            ACCEPTED_UPDATES.map(|(kind, stat)| ((name.clone(), kind), self.mesh.stat(name, stat)))
        };
        proxies
            .flat_map(|workload| updates(&workload.name))
            .collect()
    }

    /// Sends a call as a workload's component would: to the sidecar, which routes the call.
    pub(super) fn send_from(&self, workload: &str, call: Call, service: &str) -> Reply {
        self.outbound(workload)
            .send(&with_host(call, service))
            .unwrap()
    }

    /// A connection to a workload's sidecar, like the connection of the component.
    pub(super) fn outbound(&self, workload: &str) -> Connection {
        Connection::plain(self.mesh.workload(workload).egress()).unwrap()
    }

    /// The line of a request in the access log of a workload's Envoy.
    pub(super) fn line(&self, workload: &str, request_id: &str) -> Value {
        wait_for(
            EFFECT_TIMEOUT,
            &format!("the log line of request {request_id} at {workload}"),
            || {
                let lines = self.mesh.access_log(workload).into_iter();
                lines.rev().find(|line| line["request_id"] == request_id)
            },
        )
    }

    /// Number of requests that a workload received.
    pub(super) fn received_requests(&self, workload: &str) -> u64 {
        self.mesh
            .stat(workload, r"^http\.inbound.*downstream_rq_total$")
    }

    /// The sum of a counter of a workload's Envoy for calls to a service.
    pub(super) fn outbound_stat(&self, workload: &str, service: &str, count: &str) -> u64 {
        self.mesh.stat(
            workload,
            &format!(r"^cluster\.outbound\|80\|.*\|{service}\..*\.{count}$"),
        )
    }
}

impl Scenario<'_> {
    /// Activates the scenario.
    pub(super) fn activate(&self) {
        self.stage.switch_to(self.name);
    }

    /// Deactivates the scenario.
    pub(super) fn deactivate(&self) {
        self.stage.switch_to(NO_SCENARIO);
    }

    /// Measures with the scenario, and then without the scenario.
    pub(super) fn measure_with_and_without<T>(&self, mut measure: impl FnMut() -> T) -> (T, T) {
        self.activate();
        let with = measure();
        self.deactivate();
        (with, measure())
    }
}

/// Adds the host header of a service to a call.
pub(super) fn with_host(call: Call, service: &str) -> Call {
    let host = match service.contains('.') {
        true => service.to_owned(),
        false => format!("{service}.shop.svc.cluster.local"),
    };
    call.header("host", &host)
}

/// Runs `work`. Returns its result and its duration.
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (work(), begun.elapsed())
}

/// The `pluginConfig` of a filter in `istio/plugins`.
pub(super) fn plugin(name: &str) -> Value {
    let path = stoa_testkit::workspace().join(format!("istio/plugins/{name}.yaml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let plugin: Value = serde_saphyr::from_str(&text).unwrap();
    plugin["spec"]["pluginConfig"].clone()
}
