//! All Envoys of a mesh: started, watched, stopped. What they are given while they run is in `mesh/follow.rs`, who reports one that
//! hangs is `mesh/health.rs`, and how the gateway
//! is closed before they are stopped in `mesh/close.rs`.

mod close;
mod error;
mod follow;
mod health;

pub use error::MeshError;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::addresses::{Addresses, Pod};
use crate::admin::Admin;
use crate::authority::Authority;
use crate::code::Code;
use crate::compiled::{Compiled, Proxy, Workload};
use crate::envoy::{OnLine, Start, Supervised};
use crate::exposition::ScrapeTarget;
use crate::files;
use crate::inspect::Envoy;
use crate::local::{Local, Overrides, SYSTEM_ROOTS, is_static};
use crate::scenario::in_force;

/// How often an Envoy that is starting is asked.
const ASK: Duration = Duration::from_millis(25);
/// What counts resources that an Envoy did not take.
const REJECTED: &str = "/stats?filter=(update_rejected|update_failure|config_fail)$";
/// Folders of a proxy's files, those that others refer to first: a listener names routes and extensions, and routes name clusters.
const KINDS: [&str; 4] = ["cds", "ecds", "rds", "lds"];
/// Copies of the filters' code, below the state folder.
const FILTERS: &str = "filters";

/// How a mesh is set up.
#[derive(Debug, Clone)]
pub struct MeshOptions {
    /// What `istio-compile` wrote.
    pub compiled: PathBuf,
    /// Where the Envoys' files go.
    pub state_dir: PathBuf,
    /// Where their logs go.
    pub logs: PathBuf,
    /// The Envoy.
    pub envoy: PathBuf,
    /// Where the filters' .wasm are.
    pub filters: PathBuf,
    /// The certificates of the authorities that third parties' are from, PEM; the system's as a rule ([`crate::find_roots`]).
    pub roots: PathBuf,
    /// Where the gateway listens, by the port of its Pod; where it is not said, at an address of its own.
    pub gateway: BTreeMap<u16, SocketAddr>,
    /// How long a certificate is valid. It is renewed after half of that.
    pub certificate_lifetime: Duration,
}

/// Gets every line of the access logs, and the workload beside whose Envoy it was written.
pub type OnAccess = Arc<dyn Fn(&Workload, &str) + Send + Sync>;

/// A mesh.
pub struct Mesh {
    shared: Arc<Shared>,
    envoys: BTreeMap<String, Supervised>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    options: MeshOptions,
    addresses: Addresses,
    compiled: Mutex<Arc<Compiled>>,
    /// The workloads that the mesh was made for.
    workloads: Vec<Identified>,
    /// What the Envoys' bootstraps have of authorities, once they are written.
    bootstrapped: OnceLock<Secrets>,
    authority: Authority,
    /// What is in use.
    secrets: Mutex<Secrets>,
    /// The filters that are in use.
    code: Mutex<Code>,
}

/// A workload's name, its address on a cluster, and the proxy beside it.
type Identified = (String, Ipv4Addr, Proxy);

fn identified(compiled: &Compiled) -> Vec<Identified> {
    let workloads = compiled.workloads.iter();
    workloads.map(|w| (w.name(), w.ip, w.proxy)).collect()
}

/// The names of the certificates that each proxy needs, by the name of its workload.
type Secrets = BTreeMap<String, BTreeSet<String>>;

impl Mesh {
    /// Reads what was compiled, and picks addresses. Nothing is started.
    ///
    /// # Errors
    /// If it cannot be read, or there are no addresses.
    pub fn prepare(options: MeshOptions) -> Result<Self, MeshError> {
        let compiled = Compiled::read(&in_force(&options.compiled, &options.state_dir))?;
        let addresses = Addresses::choose(&compiled)?;
        let authority = Authority::new()?;
        let shared = Shared {
            options,
            addresses,
            workloads: identified(&compiled),
            bootstrapped: OnceLock::new(),
            compiled: Mutex::new(Arc::new(compiled)),
            authority,
            secrets: Mutex::default(),
            code: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            envoys: BTreeMap::new(),
            tasks: Vec::new(),
        })
    }

    /// What was compiled.
    pub fn compiled(&self) -> Arc<Compiled> {
        self.shared.compiled()
    }

    /// The folder of what was compiled.
    pub fn folder(&self) -> &Path {
        &self.shared.options.compiled
    }

    /// The addresses.
    pub fn addresses(&self) -> &Addresses {
        &self.shared.addresses
    }

    /// Where a gateway's Pod answers to this port.
    pub fn gateway(&self, port: u16) -> Option<SocketAddr> {
        let compiled = self.compiled();
        let gateway = compiled
            .workloads
            .iter()
            .find(|w| w.proxy == Proxy::Gateway)?;
        let pod = self.shared.addresses.pod(gateway.ip)?;
        self.shared.gateway_of(pod).get(&port).copied()
    }

    /// Writes the Envoys' files and starts them. `on_line` gets the workload and a line of its access log.
    ///
    /// Call it from a thread that lives as long as the mesh is to: an Envoy ends with the thread that started it.
    ///
    /// # Errors
    /// If files cannot be written, or the program does not start.
    pub fn start(&mut self, on_line: &OnAccess) -> Result<(), MeshError> {
        for old in ["xds", FILTERS] {
            let old = self.shared.options.state_dir.join(old);
            match std::fs::remove_dir_all(&old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(old.display())(error));
                }
                _ => {}
            }
        }
        let secrets = self.shared.write()?;
        let secrets = self.shared.bootstrapped.get_or_init(|| secrets);
        let compiled = self.compiled();
        for workload in compiled.proxies() {
            let needed = secrets.get(&workload.name()).cloned().unwrap_or_default();
            let start = self.shared.bootstrap(workload, &needed)?;
            let (own, on_line) = (workload.clone(), Arc::clone(on_line));
            let on_line: OnLine = Arc::new(move |line| on_line(&own, line));
            let what = format!("{}, for {}", start.program.display(), start.name);
            let envoy = Supervised::start(start, on_line).map_err(failed(what))?;
            self.envoys.insert(workload.name(), envoy);
        }
        let shared = Arc::clone(&self.shared);
        self.tasks.push(tokio::spawn(follow::follow(shared)));
        let shared = Arc::clone(&self.shared);
        self.tasks.push(tokio::spawn(follow::rotate(shared)));
        let shared = Arc::clone(&self.shared);
        self.tasks.push(tokio::spawn(health::watch(shared)));
        Ok(())
    }

    /// Waits until every Envoy has its configuration and listens, and has refused nothing.
    ///
    /// # Errors
    /// If one is not ready in time, ends as soon as it is started, or has refused something.
    pub async fn ready(&self, limit: Duration) -> Result<(), MeshError> {
        let all = self.proxies().into_iter();
        let named: Vec<_> = all
            .map(|(workload, admin)| (workload.name(), admin))
            .collect();
        let mut waiting = named.clone();
        let all = async {
            loop {
                let mut late = Vec::new();
                for (name, admin) in waiting.drain(..) {
                    if !admin.is_ready().await {
                        self.ends_at_its_start(&name)?;
                        late.push((name, admin));
                    }
                }
                waiting = late;
                if waiting.is_empty() {
                    return Ok(());
                }
                tokio::time::sleep(ASK).await;
            }
        };
        let ready = tokio::time::timeout(limit, all).await;
        ready.unwrap_or_else(|_| {
            let names: Vec<_> = waiting.into_iter().map(|(name, _)| name).collect();
            let names = names.join(", ");
            let logs = self.shared.options.logs.display();
            Err(MeshError::Late(limit, format!("{names}; see {logs}")))
        })?;
        for (name, admin) in named {
            if let Some(stat) = rejected(&admin).await {
                let log = self.shared.log(&name);
                let envoy = name;
                return Err(MeshError::Rejected { envoy, stat, log });
            }
        }
        Ok(())
    }

    fn ends_at_its_start(&self, name: &str) -> Result<(), MeshError> {
        let short = self.envoys.get(name).and_then(Supervised::short_lives);
        short.map_or(Ok(()), |how| {
            Err(MeshError::Ends {
                envoy: name.to_owned(),
                program: self.shared.options.envoy.clone(),
                how,
                log: self.shared.log(name),
            })
        })
    }

    /// The process and the number of its restarts, by the name of the workload.
    pub fn processes(&self) -> BTreeMap<String, (u32, u32)> {
        let of = |(name, envoy): (&String, &Supervised)| {
            let restarts = envoy.restarts().load(Ordering::Relaxed);
            (name.clone(), (envoy.pid(), restarts))
        };
        self.envoys.iter().map(of).collect()
    }

    /// Every workload with an Envoy, and its administration.
    pub fn proxies(&self) -> Vec<(Workload, Admin)> {
        self.shared.proxies()
    }

    /// Every Envoy that was started, for the page of metrics ([`crate::exposition()`]).
    pub fn scrape_targets(&self) -> Vec<ScrapeTarget> {
        let of = |(workload, admin): (Workload, Admin)| {
            let restarts = Arc::clone(self.envoys.get(&workload.name())?.restarts());
            Some(ScrapeTarget {
                workload,
                admin,
                restarts,
            })
        };
        self.proxies().into_iter().filter_map(of).collect()
    }

    /// Every Envoy, to be asked ([`crate::inspect`]).
    pub fn envoys(&self) -> Vec<Envoy> {
        self.shared.envoys()
    }

    /// Ends every Envoy.
    pub async fn stop(self) {
        for task in &self.tasks {
            task.abort();
        }
        let ends: Vec<_> = self.envoys.into_values().map(Supervised::stop).collect();
        let mut ending = tokio::task::JoinSet::new();
        for end in ends {
            ending.spawn(end);
        }
        while ending.join_next().await.is_some() {}
    }
}

impl Shared {
    fn compiled(&self) -> Arc<Compiled> {
        let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&compiled)
    }

    fn proxies(&self) -> Vec<(Workload, Admin)> {
        let compiled = self.compiled();
        let of = |workload: &Workload| {
            let pod = self.addresses.pod(workload.ip)?;
            Some((workload.clone(), Admin::new(pod.admin())))
        };
        compiled.proxies().filter_map(of).collect()
    }

    fn envoys(&self) -> Vec<Envoy> {
        let MeshOptions {
            state_dir, logs, ..
        } = &self.options;
        let of = |(workload, admin): (Workload, Admin)| {
            Envoy::new(&workload.name(), admin, state_dir, logs)
        };
        self.proxies().into_iter().map(of).collect()
    }

    fn folder(&self, workload: &Workload) -> PathBuf {
        files::of_proxy(&self.options.state_dir, &workload.name())
    }

    fn log(&self, name: &str) -> PathBuf {
        files::log(&self.options.logs, name)
    }

    fn gateway_of(&self, pod: &Pod) -> BTreeMap<u16, SocketAddr> {
        let mut listens = BTreeMap::from([(8080, pod.port(8080)), (8443, pod.port(8443))]);
        listens.extend(&self.options.gateway);
        listens
    }

    fn overrides(&self) -> Result<Overrides, MeshError> {
        let folder = &self.options.state_dir;
        Overrides::read(folder).map_err(failed(Overrides::file(folder).display()))
    }

    /// Writes what every proxy is to have, certificates that it has not yet among it, and says which certificates each needs.
    fn write(&self) -> Result<Secrets, MeshError> {
        let (compiled, overrides) = (self.compiled(), self.overrides()?);
        let (built, copies) = (&self.options.filters, self.options.state_dir.join(FILTERS));
        let code = Code::copied(built, &copies, &self.code()).map_err(failed(built.display()))?;
        let (mut secrets, mut all) = (Secrets::new(), Vec::new());
        for workload in compiled.proxies() {
            let Some(pod) = self.addresses.pod(workload.ip) else {
                continue;
            };
            let folder = self.folder(workload);
            let mut local = Local {
                workload,
                pod: *pod,
                addresses: &self.addresses,
                gateway: &self.gateway_of(pod),
                folder: &folder,
                code: &code,
                overrides: &overrides,
                secrets: BTreeSet::new(),
            };
            let files = local.files(compiled.resources(workload)?);
            secrets.insert(workload.name(), local.secrets);
            all.push((folder, files));
        }
        // What others refer to comes first: Envoy refuses a listener that names a file which is not there.
        self.certify(&secrets, Which::Missing)?;
        for (folder, files) in &all {
            for (path, resources) in in_order(files) {
                let path = folder.join(path);
                files::put(&path, &files::discovery(resources)).map_err(failed(path.display()))?;
            }
        }
        self.in_use().clone_from(&secrets);
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = code;
        Ok(secrets)
    }

    fn in_use(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn code(&self) -> Code {
        let code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        code.clone()
    }

    /// Writes new certificates for every proxy. One that cannot be written holds up no other: the first error is returned at the end.
    fn certify(&self, secrets: &Secrets, which: Which) -> Result<(), MeshError> {
        let mut failed = None;
        for workload in self.compiled().proxies() {
            let names = secrets.get(&workload.name()).into_iter().flatten();
            for name in names.filter(|name| !is_static(name)) {
                let path = self.folder(workload).join(crate::local::file("sds", name));
                if which == Which::Missing && path.exists() {
                    continue;
                }
                if let Err(error) = self.certificate(workload, name, &path) {
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn certificate(&self, of: &Workload, name: &str, path: &Path) -> Result<(), MeshError> {
        let lifetime = self.options.certificate_lifetime;
        let certified = match name {
            "default" => self.authority.identity(&of.identity(), lifetime)?,
            _ => self.authority.server(lifetime)?,
        };
        let secret = files::certificate(name, &certified);
        files::put(path, &files::discovery(&[secret])).map_err(failed(path.display()))?;
        Ok(())
    }

    fn bootstrap(
        &self,
        workload: &Workload,
        secrets: &BTreeSet<String>,
    ) -> Result<Start, MeshError> {
        let authorities = secrets.iter().filter(|name| is_static(name));
        let authorities = authorities.map(|name| match name.as_str() {
            "ROOTCA" => {
                let own = self.authority.certificate();
                files::authority(name, json!({"inline_string": own}))
            }
            _ => files::authority(name, json!({"filename": self.options.roots})),
        });
        let authorities: Vec<_> = authorities.collect();
        if secrets.contains(SYSTEM_ROOTS) {
            let roots = self.options.roots.display();
            let what = format!("{roots}, the authorities of third parties (SSL_CERT_FILE)");
            std::fs::File::open(&self.options.roots).map_err(failed(what))?;
        }
        let folder = self.folder(workload);
        let path = folder.join("bootstrap.json");
        let pod = self.addresses.pod(workload.ip);
        let Some(admin) = pod.map(Pod::admin) else {
            let error = io::Error::from(io::ErrorKind::AddrNotAvailable);
            return Err(failed(workload.name())(error));
        };
        let source = |file: &str| json!({"path_config_source": {"path": folder.join(file)}, "resource_api_version": "V3"});
        let bootstrap = json!({
            "node": {"id": workload.name(), "cluster": node_cluster(workload), "metadata": {
                "NAMESPACE": workload.namespace, "WORKLOAD_NAME": workload.owner, "LABELS": workload.labels,
            }},
            "admin": {"address": {"socket_address": {"address": admin.ip().to_string(), "port_value": admin.port()}}},
            "static_resources": {"secrets": authorities},
            "stats_config": crate::stats::config(),
            "dynamic_resources": {
                "lds_config": source("lds/listeners.json"),
                "cds_config": source("cds/clusters.json"),
            },
        });
        files::put(&path, &bootstrap).map_err(failed(path.display()))?;
        Ok(Start {
            name: workload.name(),
            program: self.options.envoy.clone(),
            bootstrap: path,
            log: self.log(&workload.name()),
        })
    }
}

/// Files, those that others refer to first.
fn in_order(files: &BTreeMap<PathBuf, Vec<Value>>) -> Vec<(&PathBuf, &Vec<Value>)> {
    let rank = |path: &Path| KINDS.iter().position(|kind| path.starts_with(kind));
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by_key(|(path, _)| rank(path));
    files
}

/// Which certificates are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    /// Those that are not there yet.
    Missing,
}

/// As istio-agent calls it: `payment.shop`.
fn node_cluster(workload: &Workload) -> String {
    let app = workload.labels.get("app").unwrap_or(&workload.owner);
    format!("{app}.{}", workload.namespace)
}

fn failed(what: impl ToString) -> impl FnOnce(io::Error) -> MeshError {
    move |error| MeshError::Io {
        what: what.to_string(),
        error,
    }
}

/// The first count of something that an Envoy did not take.
async fn rejected(admin: &Admin) -> Option<String> {
    let stats = admin.get(REJECTED).await.ok()?;
    let counted = stats.lines().find(|line| !line.ends_with(": 0"));
    counted.map(str::to_owned).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_cannot_be_written_holds_up_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let workload = |pod: &str, ip: &str| json!({"namespace": "shop", "pod": pod, "owner": pod, "kind": "SpinApp", "service_account": pod, "ip": ip, "proxy": "sidecar"});
        let list = json!({"workloads": [workload("a", "10.0.0.1"), workload("b", "10.0.0.2")]});
        std::fs::write(folder.path().join("workloads.json"), list.to_string()).unwrap();
        let path = || folder.path().to_owned();
        let mesh = Mesh::prepare(MeshOptions {
            compiled: path(),
            state_dir: path(),
            logs: path(),
            envoy: path(),
            filters: path(),
            roots: path(),
            gateway: BTreeMap::new(),
            certificate_lifetime: Duration::from_secs(3600),
        })
        .unwrap();
        let needed = |pod: &str| {
            (
                format!("shop/{pod}"),
                BTreeSet::from(["default".to_owned()]),
            )
        };
        let secrets = Secrets::from(["a", "b"].map(needed));
        let certificate = |pod: &str| path().join("xds/shop").join(pod).join("sds/default.json");
        // A folder in the place of the file.
        std::fs::create_dir_all(certificate("a")).unwrap();
        let error = mesh.shared.certify(&secrets, Which::All).unwrap_err();
        assert!(
            error.to_string().contains("shop/a/sds/default.json"),
            "{error}"
        );
        assert!(certificate("b").is_file());
        std::fs::remove_dir(certificate("a")).unwrap();
        mesh.shared.certify(&secrets, Which::Missing).unwrap();
        assert!(certificate("a").is_file());
    }

    #[test]
    fn a_listener_is_written_after_all_that_it_names() {
        let names = [
            "cds/clusters.json",
            "ecds/a.json",
            "lds/listeners.json",
            "rds/80.json",
            "rds/81.json",
        ];
        let files = names.map(|name| (PathBuf::from(name), Vec::new()));
        let files = BTreeMap::from(files);
        let order: Vec<_> = in_order(&files).into_iter().map(|(path, _)| path).collect();
        let expected = [names[0], names[1], names[3], names[4], names[2]];
        assert_eq!(order, expected.map(Path::new));
    }
}
