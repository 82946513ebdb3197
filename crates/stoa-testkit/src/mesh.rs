//! The mesh of a [`Shop`]: the workloads, their Envoys, and connections with the identity of any workload.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::client::Client;
use crate::envoy::{Connection, Identity};
use crate::stub::Stub;
use crate::wait::wait_until;
use crate::{Shop, workspace};

/// Deadline for Envoy to apply a changed file. Envoy watches its files, so it usually applies a change much earlier.
const APPLY_DEADLINE: Duration = Duration::from_secs(20);

/// JSON pointer to the address of a cluster's endpoint.
const ENDPOINT_ADDRESS: &str =
    "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";

/// A running mesh, as `run.json` describes it.
#[derive(Debug, Clone)]
pub struct Mesh {
    state_dir: PathBuf,
    /// Every workload, with or without an Envoy, sorted by name.
    pub workloads: Vec<MeshWorkload>,
}

/// A workload of a mesh.
#[derive(Debug, Clone)]
pub struct MeshWorkload {
    /// The namespace and the Pod, such as `shop/cart-v1-0`.
    pub name: String,
    /// The SPIFFE identity, such as `spiffe://cluster.local/ns/shop/sa/cart`.
    pub identity: String,
    /// The IP address of the Pod.
    pub ip: Ipv4Addr,
    /// The address of the Envoy's administration interface; `None` for a workload without an Envoy.
    pub admin: Option<SocketAddr>,
    /// The address at which the component listens, behind the Envoy.
    pub app: Option<SocketAddr>,
}

/// The path of the file in which `stoa canary set` and `stoa fault set` store the overrides.
pub(crate) fn overrides_file(state_dir: &Path) -> PathBuf {
    state_dir.join("mesh/overrides.json")
}

impl Shop {
    /// Overrides the manifests' configurations of these filters while the mesh runs. The keys of `filters` are the filters' names.
    /// A filter that `filters` does not name gets the manifests' configuration again.
    #[track_caller]
    pub fn override_filters(&self, filters: &Value) {
        let path = overrides_file(self.state_dir());
        let new = path.with_extension("new");
        let written =
            std::fs::write(&new, filters.to_string()).and_then(|()| std::fs::rename(&new, &path));
        assert!(written.is_ok(), "{}: {written:?}", path.display());
    }

    /// The shop's mesh.
    #[track_caller]
    pub fn mesh(&self) -> Mesh {
        let run = self.run();
        let workloads = run.get("mesh").and_then(Value::as_array);
        let workloads = workloads.map(|all| all.iter().filter_map(read));
        Mesh {
            state_dir: self.state_dir().to_owned(),
            workloads: workloads.into_iter().flatten().collect(),
        }
    }
}

fn read(workload: &Value) -> Option<MeshWorkload> {
    let text = |name: &str| workload.get(name)?.as_str();
    Some(MeshWorkload {
        name: text("name")?.to_owned(),
        identity: text("identity")?.to_owned(),
        ip: text("ip")?.parse().ok()?,
        admin: text("admin").and_then(|admin| admin.parse().ok()),
        app: text("app").and_then(|app| app.parse().ok()),
    })
}

impl Mesh {
    /// The workload with the name `name`, such as `shop/cart-v1-0`. If there is none, the first workload (sorted by name) whose Pod
    /// name begins with `name`, such as `cart`.
    #[track_caller]
    pub fn workload(&self, name: &str) -> &MeshWorkload {
        let pod = |w: &&MeshWorkload| {
            w.name
                .rsplit('/')
                .next()
                .is_some_and(|p| p.starts_with(name))
        };
        let exact = self.workloads.iter().find(|w| w.name == name);
        match exact.or_else(|| self.workloads.iter().find(pod)) {
            Some(workload) => workload,
            None => panic!("no workload {name} in {:?}", self.workloads),
        }
    }

    /// The current certificate and key of this workload's Envoy.
    #[track_caller]
    pub fn identity(&self, name: &str) -> Identity {
        let folder = self.folder(name);
        let secret = |file: &str, path: &str| {
            let read = std::fs::read(folder.join(file)).ok();
            let json: Option<Value> = read.and_then(|text| serde_json::from_slice(&text).ok());
            let text = json.as_ref().and_then(|json| json.pointer(path)?.as_str());
            match text {
                Some(text) => text.to_owned(),
                None => panic!("cannot read {path} in {}/{file}", folder.display()),
            }
        };
        let own_secret = "sds/default.json";
        let trusted = "/static_resources/secrets/0/validation_context/trusted_ca/inline_string";
        Identity {
            certificate: secret(
                own_secret,
                "/resources/0/tls_certificate/certificate_chain/inline_string",
            ),
            key: secret(
                own_secret,
                "/resources/0/tls_certificate/private_key/inline_string",
            ),
            authority: secret("bootstrap.json", trusted),
        }
    }

    /// The folder with the files of a workload's Envoy.
    #[track_caller]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.state_dir
            .join("mesh/xds")
            .join(&self.workload(name).name)
    }

    /// Connects to the sidecar of the workload `callee` with the certificate of the workload `caller`.
    #[track_caller]
    pub fn connect(&self, caller: &str, callee: &str) -> Connection {
        let to = self.workload(callee);
        match Connection::open_as(to.inbound(), &self.identity(caller), &to.identity) {
            Ok(connection) => connection,
            Err(error) => panic!("{caller} to {callee}: {error}"),
        }
    }

    /// Reads statistics from the Envoy of the workload `name`. Returns the names and values of the statistics whose names match the
    /// regular expression `matching`.
    #[track_caller]
    pub fn stats(&self, name: &str, matching: &str) -> BTreeMap<String, u64> {
        let admin = self.admin(name);
        let path = format!("/stats?filter={matching}");
        let text = admin.get(&path).send().expect(200).text();
        let line = |line: &str| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        text.lines().filter_map(line).collect()
    }

    /// Reads statistics from the Envoy of the workload `name`. Returns the sum of the statistics whose names match the regular
    /// expression `matching`.
    #[track_caller]
    pub fn stat(&self, name: &str, matching: &str) -> u64 {
        self.stats(name, matching).values().sum()
    }

    /// Replaces the component of a workload, behind its sidecar, with a stub until the returned value is dropped. If several
    /// workloads' names begin with `name`, the first of them, in the order of names, gets the stub.
    #[track_caller]
    pub fn stand_in(&self, name: &str, stub: &Stub) -> StandIn {
        let address: SocketAddr = match stub.url().trim_start_matches("http://").parse() {
            Ok(address) => address,
            Err(error) => panic!("{}: {error}", stub.url()),
        };
        let path = self.folder(name).join("cds/clusters.json");
        let original = match std::fs::read_to_string(&path) {
            Ok(original) => original,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        let mut changed: Value = serde_json::from_str(&original).unwrap_or_default();
        let clusters = changed.get_mut("resources").and_then(Value::as_array_mut);
        for cluster in clusters.into_iter().flatten() {
            let name = cluster.get("name").and_then(Value::as_str);
            if !name.is_some_and(|name| name.starts_with("inbound|")) {
                continue;
            }
            if let Some(endpoint) = cluster.pointer_mut(ENDPOINT_ADDRESS) {
                *endpoint = serde_json::json!({"address": address.ip().to_string(), "port_value": address.port()});
            }
        }
        let stand_in = StandIn {
            admin: self.admin(name),
            path,
            original,
        };
        stand_in.apply(&changed.to_string());
        stand_in
    }

    /// The process id of a workload's Envoy.
    #[track_caller]
    pub fn pid(&self, name: &str) -> u32 {
        let bootstrap = self.folder(name).join("bootstrap.json");
        let bootstrap = bootstrap.to_string_lossy().into_owned();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let runs = |process: &std::fs::DirEntry| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            words.any(|word| word == bootstrap.as_bytes())
        };
        let mut found = processes.filter(runs);
        let pid = found
            .next()
            .and_then(|process| process.file_name().to_str()?.parse().ok());
        pid.unwrap_or(0)
    }

    /// Kills a workload's Envoy with SIGKILL.
    #[track_caller]
    pub fn kill(&self, name: &str) {
        let pid = i32::try_from(self.pid(name))
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let killed =
            pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        assert!(matches!(killed, Some(Ok(()))), "{name}: {pid:?} {killed:?}");
    }

    /// A client for the administration interface of a workload's Envoy.
    #[track_caller]
    pub fn admin(&self, name: &str) -> Client {
        match self.workload(name).admin {
            Some(admin) => Client::new(format!("http://{admin}")),
            None => panic!("{name} has no Envoy"),
        }
    }

    /// The access log of a workload's Envoy, each line as JSON.
    #[track_caller]
    pub fn access_log(&self, name: &str) -> Vec<Value> {
        let pod = self.workload(name).name.replace('/', "-");
        let path = self.state_dir.join(format!("logs/{pod}.access.log"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

/// A stub that replaces a component in the mesh. Dropping this value restores the component.
#[derive(Debug)]
pub struct StandIn {
    admin: Client,
    path: PathBuf,
    original: String,
}

impl StandIn {
    /// Writes Envoy's clusters, and waits until Envoy has applied them.
    fn apply(&self, clusters: &str) {
        let updates = || {
            let stats = self
                .admin
                .get("/stats?filter=^cluster_manager.cds.update_success$");
            stats.send().expect(200).text()
        };
        let before = updates();
        let new = self.path.with_extension("new");
        let written =
            std::fs::write(&new, clusters).and_then(|()| std::fs::rename(&new, &self.path));
        assert!(written.is_ok(), "{}: {written:?}", self.path.display());
        wait_until(APPLY_DEADLINE, "Envoy to apply new clusters", || {
            updates() != before
        });
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.apply(&self.original);
        }
    }
}

impl MeshWorkload {
    /// The address at which the sidecar accepts requests for the workload.
    pub fn inbound(&self) -> SocketAddr {
        (self.ip, 10_080).into()
    }

    /// The address at which the sidecar accepts the workload's own requests to port 80.
    pub fn egress(&self) -> SocketAddr {
        self.egress_to(80)
    }

    /// The address at which the sidecar accepts the workload's own requests to this port.
    pub fn egress_to(&self, port: u16) -> SocketAddr {
        (self.ip, 11_000 + port).into()
    }
}

/// Compiles the local manifests and these kustomize components (folders of the workspace) with Istio's code, into the folder `out`.
/// Panics with Istio's message if Istio rejects the manifests.
#[track_caller]
pub fn compile(components: &[&str], out: &Path) {
    let components = components.iter().flat_map(|folder| ["--component", folder]);
    let arguments: Vec<_> = components.chain(["k8s/overlays/local"]).collect();
    istio_compile(&arguments, out);
}

/// Runs `istio-compile` with these arguments and with the mesh configuration of `istio/install`. Panics with Istio's message if
/// Istio rejects the manifests.
#[track_caller]
pub fn istio_compile(arguments: &[&str], out: &Path) {
    let root = workspace();
    let mut command = Command::new(root.join("target/tools/istio-compile"));
    command.current_dir(&root);
    command
        .args(["--mesh-config", "istio/install/istio.yaml", "--out"])
        .arg(out);
    match command.args(arguments).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("cannot run target/tools/istio-compile: {error}; run `make mesh`"),
    }
}
