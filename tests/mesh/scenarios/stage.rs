//! A mesh whose manifests change while it runs.
//!
//! Istio's output for the manifests, plain and with each scenario, is compiled beforehand into one folder each. The mesh reads a
//! symbolic link that points to one of them.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_testkit::envoy::{Call, Connection, Reply};
use stoa_testkit::mesh::{Mesh, compile};
use stoa_testkit::{Client, Shop, ShopOptions, at_once, wait_for, wait_until};
use tempfile::TempDir;

use crate::customer::{Customer, Operator, SOON};

const PLAIN: &str = "plain";

/// Envoy's counter of accepted updates, for each kind of file.
const TAKEN: [(&str, &str); 4] = [
    ("lds", r"^listener_manager\.lds\.update_success$"),
    ("cds", r"^cluster_manager\.cds\.update_success$"),
    ("rds", r"\.rds\..*update_success$"),
    ("ecds", r"^extension_config_discovery\..*update_success$"),
];
/// Envoy's gauges of updates that are not active yet.
const WARMING: &str =
    r"^(listener_manager\.total_listeners_warming|cluster_manager\.warming_clusters)$";

/// The running mesh.
pub(super) struct Stage {
    pub(super) shop: Shop,
    pub(super) mesh: Mesh,
    pub(super) customer: Customer,
    pub(super) operator: Operator,
    /// For responses of Envoy itself, which no service's document lists.
    pub(super) gateway: Client,
    folder: TempDir,
}

/// One scenario on that stage.
pub(super) struct Scenario<'a> {
    pub(super) name: &'static str,
    pub(super) stage: &'a Stage,
}

/// A file that an Envoy reads: `shop/cart-v1-0`, `rds`, and its path.
type Files = BTreeMap<(String, &'static str, PathBuf), u64>;

impl Stage {
    pub(super) fn start(scenarios: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let every: Vec<_> = [PLAIN].iter().chain(scenarios).collect();
        let begun = Instant::now();
        // Two at a time, for a small machine with two processors.
        at_once(2, |half| {
            for name in every.iter().skip(half).step_by(2) {
                let component = format!("istio/scenarios/{name}");
                let components: &[&str] = if **name == PLAIN { &[] } else { &[&component] };
                compile(components, &folder.path().join(name));
            }
        });
        println!("{} compiled in {:.1?}", every.len(), begun.elapsed());
        let link = folder.path().join("compiled");
        symlink(folder.path().join(PLAIN), &link).unwrap();
        let shop = Shop::start(ShopOptions::mesh().timers(false).compiled(&link));
        let operator = Operator::of(&shop);
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

    /// Overrides the manifests' configuration of filters.
    pub(super) fn filters(&self, overrides: &Value) {
        self.change(|| self.shop.override_filters(overrides));
    }

    /// Restores the initial configuration: no payment fails.
    pub(super) fn usual_filters(&self) {
        self.filters(&json!({"payment-fault": {"enabled": false}}));
    }

    fn show(&self, name: &str) {
        let new = self.folder.path().join("new");
        self.change(|| {
            symlink(self.folder.path().join(name), &new).unwrap();
            std::fs::rename(&new, self.folder.path().join("compiled")).unwrap();
        });
    }

    /// Makes a change, and waits until every Envoy has accepted its new configuration.
    fn change(&self, act: impl FnOnce()) {
        let written = || {
            self.shop
                .log()
                .matches("the Envoys have new configuration")
                .count()
        };
        let (before, files, taken) = (written(), self.files(), self.taken());
        act();
        wait_until(SOON, "new configuration to be written", || {
            written() > before
        });
        let mut expected = taken;
        let mut changed = 0;
        for (file, inode) in self.files() {
            if files.get(&file) != Some(&inode) {
                let (workload, kind, _) = file;
                *expected.entry((workload, kind)).or_default() += 1;
                changed += 1;
            }
        }
        assert!(changed > 0, "nothing was changed");
        wait_until(SOON, "the Envoys to take it", || {
            let taken = self.taken();
            let enough = |(of, count): (&(String, &str), &u64)| taken.get(of) >= Some(count);
            let proxies = || expected.keys().map(|(workload, _)| workload);
            expected.iter().all(enough)
                && proxies().all(|workload| self.mesh.stat(workload, WARMING) == 0)
        });
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        for workload in self.mesh.workloads.iter().filter(|w| w.admin.is_some()) {
            let folder = self.mesh.folder(&workload.name);
            for (kind, _) in TAKEN {
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

    fn taken(&self) -> BTreeMap<(String, &'static str), u64> {
        let proxies = self.mesh.workloads.iter().filter(|w| w.admin.is_some());
        let of = |name: &String| {
            TAKEN.map(|(kind, stat)| ((name.clone(), kind), self.mesh.stat(name, stat)))
        };
        proxies.flat_map(|workload| of(&workload.name)).collect()
    }

    /// Sends a call as a workload's component would: to its sidecar, which routes it.
    pub(super) fn from(&self, workload: &str, call: Call, service: &str) -> Reply {
        self.outbound(workload).send(&to(call, service)).unwrap()
    }

    /// A connection of a workload's component to its sidecar.
    pub(super) fn outbound(&self, workload: &str) -> Connection {
        Connection::plain(self.mesh.workload(workload).egress()).unwrap()
    }

    /// The line about a request in the access log of a workload's Envoy.
    pub(super) fn line(&self, workload: &str, request_id: &str) -> Value {
        wait_for(
            SOON,
            &format!("a line about {request_id} at {workload}"),
            || {
                let lines = self.mesh.access_log(workload).into_iter();
                lines.rev().find(|line| line["request_id"] == request_id)
            },
        )
    }

    /// Number of requests that a workload received.
    pub(super) fn asked(&self, workload: &str) -> u64 {
        self.mesh
            .stat(workload, r"^http\.inbound.*downstream_rq_total$")
    }

    /// The sum of a counter of a workload's Envoy for calls to a service.
    pub(super) fn sent(&self, workload: &str, service: &str, count: &str) -> u64 {
        self.mesh.stat(
            workload,
            &format!(r"^cluster\.outbound\|80\|.*\|{service}\..*\.{count}$"),
        )
    }
}

impl Scenario<'_> {
    /// Activates the scenario.
    pub(super) fn on(&self) {
        self.stage.show(self.name);
    }

    /// Deactivates the scenario.
    pub(super) fn off(&self) {
        self.stage.show(PLAIN);
    }

    /// The measurement with the scenario, and then without it.
    pub(super) fn both<T>(&self, mut measure: impl FnMut() -> T) -> (T, T) {
        self.on();
        let with = measure();
        self.off();
        (with, measure())
    }
}

/// The call, with the service's host header.
pub(super) fn to(call: Call, service: &str) -> Call {
    let host = match service.contains('.') {
        true => service.to_owned(),
        false => format!("{service}.shop.svc.cluster.local"),
    };
    call.header("host", &host)
}

/// The result of `work`, and its duration.
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
