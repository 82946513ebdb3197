//! All Envoys of a mesh: started, watched, given new certificates and configuration, stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::addresses::{Addresses, NoAddresses, Pod};
use crate::admin::Admin;
use crate::authority::Authority;
use crate::compiled::{Compiled, CompiledError, Proxy, Workload};
use crate::envoy::{OnLine, Start, Supervised};
use crate::files;
use crate::inspect::Envoy;
use crate::local::{Local, Overrides, is_static};

/// How often it is looked whether something was compiled or set anew.
const LOOK: Duration = Duration::from_millis(300);
/// How often an Envoy that is starting is asked.
const ASK: Duration = Duration::from_millis(25);
/// What counts resources that an Envoy did not take.
const REJECTED: &str = "/stats?filter=(update_rejected|update_failure|config_fail)$";
/// Folders of a proxy's files, those that others refer to first: a listener names routes and extensions, and routes name clusters.
const KINDS: [&str; 4] = ["cds", "ecds", "rds", "lds"];
/// The system's authorities, for third parties.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

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
    /// Where the gateway listens, by the port of its Pod; where it is not said, at an address of its own.
    pub gateway: BTreeMap<u16, SocketAddr>,
    /// How long a certificate is valid. It is renewed after half of that.
    pub certificate_lifetime: Duration,
}

/// Why a mesh did not start.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// What was compiled cannot be read.
    #[error(transparent)]
    Compiled(#[from] CompiledError),
    /// No addresses.
    #[error(transparent)]
    Addresses(#[from] NoAddresses),
    /// No certificates.
    #[error("certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// Files for the Envoys cannot be written, or one cannot be started.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        error: io::Error,
    },
    /// Some Envoys were not ready in time.
    #[error("not ready after {0:?}: {1}")]
    Late(Duration, String),
    /// An Envoy refused what it was given.
    #[error("{envoy} does not take its configuration ({stat}); its log says why: {}", log.display())]
    Rejected {
        /// Which.
        envoy: String,
        /// What it counted.
        stat: String,
        /// Its log.
        log: PathBuf,
    },
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
    authority: Authority,
    /// What is in use.
    secrets: Mutex<Secrets>,
}

/// The names of the certificates that each proxy needs, by the name of its workload.
type Secrets = BTreeMap<String, BTreeSet<String>>;

impl Mesh {
    /// Reads what was compiled, and picks addresses. Nothing is started.
    ///
    /// # Errors
    /// If it cannot be read, or there are no addresses.
    pub fn prepare(options: MeshOptions) -> Result<Self, MeshError> {
        let compiled = Compiled::read(&options.compiled)?;
        let addresses = Addresses::choose(&compiled)?;
        let authority = Authority::new()?;
        let shared = Shared {
            options,
            addresses,
            compiled: Mutex::new(Arc::new(compiled)),
            authority,
            secrets: Mutex::default(),
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
        let xds = self.shared.options.state_dir.join("xds");
        match std::fs::remove_dir_all(&xds) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(xds.display())(error));
            }
            _ => {}
        }
        let secrets = self.shared.write()?;
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
        self.tasks.push(tokio::spawn(follow(shared)));
        let shared = Arc::clone(&self.shared);
        self.tasks.push(tokio::spawn(rotate(shared)));
        Ok(())
    }

    /// Waits until every Envoy has its configuration and listens, and has refused nothing.
    ///
    /// # Errors
    /// If one is not ready in time, or has refused something.
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
                        late.push((name, admin));
                    }
                }
                waiting = late;
                if waiting.is_empty() {
                    return;
                }
                tokio::time::sleep(ASK).await;
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            let names: Vec<_> = waiting.into_iter().map(|(name, _)| name).collect();
            let names = names.join(", ");
            let logs = self.shared.options.logs.display();
            return Err(MeshError::Late(limit, format!("{names}; see {logs}")));
        }
        for (name, admin) in named {
            if let Some(stat) = rejected(&admin).await {
                let log = self.shared.log(&name);
                let envoy = name;
                return Err(MeshError::Rejected { envoy, stat, log });
            }
        }
        Ok(())
    }

    /// The process and the number of its restarts, by the name of the workload.
    pub fn processes(&self) -> BTreeMap<String, (u32, u32)> {
        let of =
            |(name, envoy): (&String, &Supervised)| (name.clone(), (envoy.pid(), envoy.restarts()));
        self.envoys.iter().map(of).collect()
    }

    /// Every workload with an Envoy, and its administration.
    pub fn proxies(&self) -> Vec<(Workload, Admin)> {
        let compiled = self.compiled();
        let of = |workload: &Workload| {
            let pod = self.shared.addresses.pod(workload.ip)?;
            Some((workload.clone(), Admin::new(pod.admin())))
        };
        compiled.proxies().filter_map(of).collect()
    }

    /// Every Envoy, to be asked ([`crate::inspect`]).
    pub fn envoys(&self) -> Vec<Envoy> {
        let MeshOptions {
            state_dir, logs, ..
        } = &self.shared.options;
        let of = |(workload, admin): (Workload, Admin)| {
            Envoy::new(&workload.name(), admin, state_dir, logs)
        };
        self.proxies().into_iter().map(of).collect()
    }

    /// Closes the gateway to new connections; what is under way goes on.
    pub async fn close_gateways(&self) {
        for workload in self.compiled().proxies() {
            let pod = self.shared.addresses.pod(workload.ip);
            if let (Proxy::Gateway, Some(pod)) = (workload.proxy, pod) {
                let _ = Admin::new(pod.admin()).post("/drain_listeners").await;
            }
        }
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
                filters: &self.options.filters,
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
        Ok(secrets)
    }

    fn in_use(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes new certificates for every proxy.
    fn certify(&self, secrets: &Secrets, which: Which) -> Result<(), MeshError> {
        let lifetime = self.options.certificate_lifetime;
        for workload in self.compiled().proxies() {
            let names = secrets.get(&workload.name()).into_iter().flatten();
            for name in names.filter(|name| !is_static(name)) {
                let path = self.folder(workload).join(crate::local::file("sds", name));
                if which == Which::Missing && path.exists() {
                    continue;
                }
                let certified = match name.as_str() {
                    "default" => self.authority.identity(&workload.identity(), lifetime)?,
                    _ => self.authority.server(lifetime)?,
                };
                let secret = files::certificate(name, &certified);
                files::put(&path, &files::discovery(&[secret])).map_err(failed(path.display()))?;
            }
        }
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
            _ => files::authority(name, json!({"filename": SYSTEM_ROOTS})),
        });
        let authorities: Vec<_> = authorities.collect();
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

/// Writes the Envoys' files anew when something was compiled, or set on this machine.
async fn follow(shared: Arc<Shared>) {
    let (list, set) = (
        shared.options.compiled.join("workloads.json"),
        Overrides::file(&shared.options.state_dir),
    );
    let look = || (changed(&list), changed(&set));
    let mut seen = look();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = look();
        // A folder that is being replaced is not there for a moment.
        if now == seen || now.0.is_none() {
            continue;
        }
        seen = now;
        match renew(&shared) {
            Ok(()) => tracing::info!("the Envoys have new configuration"),
            Err(error) => tracing::error!(%error, "the Envoys keep their configuration"),
        }
    }
}

fn renew(shared: &Shared) -> Result<(), MeshError> {
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
    Ok(())
}

fn changed(path: &Path) -> Option<(SystemTime, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino()))
}

/// Gives every proxy a new certificate when half of the old one's life is over.
async fn rotate(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.options.certificate_lifetime / 2).await;
        let secrets = shared.in_use().clone();
        match shared.certify(&secrets, Which::All) {
            Ok(()) => tracing::debug!("the Envoys have new certificates"),
            Err(error) => tracing::error!(%error, "the Envoys keep their certificates"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
