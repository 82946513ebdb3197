//! The mesh of a [`Shop`]: its workloads, their Envoys, and calls with any workload's identity.

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

/// Deadline for a change that Envoy reads from a watched file. A file watch is fast.
const DEADLINE: Duration = Duration::from_secs(20);

/// The part of a cluster that contains its endpoint's address.
const BEHIND: &str = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";

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
    /// `shop/cart-v1-0`.
    pub name: String,
    /// `spiffe://cluster.local/ns/shop/sa/cart`.
    pub identity: String,
    /// The Pod's address.
    pub ip: Ipv4Addr,
    /// The administration address of its Envoy.
    pub admin: Option<SocketAddr>,
    /// Where its component listens, behind the Envoy.
    pub app: Option<SocketAddr>,
}

/// The file in which `stoa canary set` and `stoa fault set` keep overrides of the manifests' filter configurations.
pub(crate) fn overrides(state_dir: &Path) -> PathBuf {
    state_dir.join("mesh/overrides.json")
}

impl Shop {
    /// Overrides filter configurations of the manifests while the mesh runs, by the filter's name. Filters that are not named get the
    /// manifests' configuration again.
    #[track_caller]
    pub fn override_filters(&self, filters: &Value) {
        let path = overrides(self.state_dir());
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
    /// The workload with this name, `shop/cart-v1-0`, or the first whose Pod name begins with it, `cart`.
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
                None => panic!("no certificate in {}/{file}", folder.display()),
            }
        };
        let own = "sds/default.json";
        let trusted = "/static_resources/secrets/0/validation_context/trusted_ca/inline_string";
        Identity {
            certificate: secret(
                own,
                "/resources/0/tls_certificate/certificate_chain/inline_string",
            ),
            key: secret(
                own,
                "/resources/0/tls_certificate/private_key/inline_string",
            ),
            authority: secret("bootstrap.json", trusted),
        }
    }

    /// The folder of a workload's Envoy files.
    #[track_caller]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.state_dir
            .join("mesh/xds")
            .join(&self.workload(name).name)
    }

    /// A connection to a workload's sidecar with another workload's certificate.
    #[track_caller]
    pub fn connect(&self, caller: &str, callee: &str) -> Connection {
        let to = self.workload(callee);
        match Connection::open_as(to.inbound(), &self.identity(caller), &to.identity) {
            Ok(connection) => connection,
            Err(error) => panic!("{caller} to {callee}: {error}"),
        }
    }

    /// Matching statistics of a workload's Envoy, with their values.
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

    /// The sum of matching statistics of a workload's Envoy.
    #[track_caller]
    pub fn stat(&self, name: &str, matching: &str) -> u64 {
        self.stats(name, matching).values().sum()
    }

    /// Replaces a workload's component, behind its sidecar, with a stub until the result is dropped. `name` may be the beginning of
    /// several workloads' names: then the first one gets the stub.
    #[track_caller]
    pub fn stand_in(&self, name: &str, stub: &Stub) -> StandIn {
        let address: SocketAddr = match stub.url().trim_start_matches("http://").parse() {
            Ok(address) => address,
            Err(error) => panic!("{}: {error}", stub.url()),
        };
        let path = self.folder(name).join("cds/clusters.json");
        let was = match std::fs::read_to_string(&path) {
            Ok(was) => was,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        let mut now: Value = serde_json::from_str(&was).unwrap_or_default();
        let clusters = now.get_mut("resources").and_then(Value::as_array_mut);
        for cluster in clusters.into_iter().flatten() {
            let name = cluster.get("name").and_then(Value::as_str);
            if !name.is_some_and(|name| name.starts_with("inbound|")) {
                continue;
            }
            if let Some(behind) = cluster.pointer_mut(BEHIND) {
                *behind = serde_json::json!({"address": address.ip().to_string(), "port_value": address.port()});
            }
        }
        let stand_in = StandIn {
            admin: self.admin(name),
            path,
            was,
        };
        stand_in.put(&now.to_string());
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

    /// Kills a workload's Envoy without warning.
    #[track_caller]
    pub fn kill(&self, name: &str) {
        let pid = i32::try_from(self.pid(name))
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let killed =
            pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        assert!(matches!(killed, Some(Ok(()))), "{name}: {pid:?} {killed:?}");
    }

    /// A client for the administration of a workload's Envoy.
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

/// A stub in the place of a component. Dropping it restores the component.
#[derive(Debug)]
pub struct StandIn {
    admin: Client,
    path: PathBuf,
    was: String,
}

impl StandIn {
    /// Writes these clusters for Envoy, and waits until it has applied them.
    fn put(&self, clusters: &str) {
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
        wait_until(DEADLINE, "Envoy to take new clusters", || {
            updates() != before
        });
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.put(&self.was);
        }
    }
}

impl MeshWorkload {
    /// The address where the sidecar accepts requests for the workload.
    pub fn inbound(&self) -> SocketAddr {
        (self.ip, 10_080).into()
    }

    /// The address where the sidecar accepts the workload's own requests.
    pub fn egress(&self) -> SocketAddr {
        self.egress_to(80)
    }

    /// As `egress`, for another port than HTTP's.
    pub fn egress_to(&self, port: u16) -> SocketAddr {
        (self.ip, 11_000 + port).into()
    }
}

/// Compiles the local manifests plus these kustomize components (folders of the workspace) with Istio, into `out`. Panics with
/// Istio's message if it rejects them.
#[track_caller]
pub fn compile(components: &[&str], out: &Path) {
    let components = components.iter().flat_map(|folder| ["--component", folder]);
    let arguments: Vec<_> = components.chain(["k8s/overlays/local"]).collect();
    istio_compile(&arguments, out);
}

/// Compiles the manifests in these arguments of `istio-compile`, with the mesh configuration of `istio/install`.
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
        Err(error) => panic!("target/tools/istio-compile: {error}: run `make mesh`"),
    }
}
