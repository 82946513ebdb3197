//! The control plane: its processes, and the order in which they start.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::credentials::Credentials;
use crate::kubectl::{Kubectl, KubectlError};
use crate::process::Process;
use crate::programs::Programs;

/// Deadline for the start of one program on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// Interval at which a starting program is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The reason why the control plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program was not built.
    #[error("{} is missing; run `scripts/cluster-tools install`", .0.display())]
    MissingProgram(PathBuf),
    /// A folder, a port or a process cannot be created.
    #[error("cannot start the control plane: {0}")]
    Io(#[from] io::Error),
    /// A certificate cannot be created.
    #[error("cannot create a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A program ended, or did not get ready in time.
    #[error("cannot start the control plane: {0}")]
    NotReady(String),
    /// The API rejected an object of the control plane itself.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
}

/// A running control plane. Dropping this value stops all its programs.
pub struct ControlPlane {
    /// The newest process is first. The processes are dropped in this order, so each ends before the process that it calls. They end
    /// before the folder is removed.
    processes: Vec<Process>,
    pub(crate) programs: Programs,
    pub(crate) credentials: Credentials,
    kubeconfig: PathBuf,
    kubectl: Kubectl,
    folder: tempfile::TempDir,
}

impl ControlPlane {
    /// Starts etcd, the API server and the controller manager, and waits until the API is ready. `workspace` is the folder whose
    /// `target/tools` has the programs.
    ///
    /// # Errors
    /// If a program is missing or does not start.
    pub fn start(workspace: &Path) -> Result<Self, StartError> {
        let programs = Programs::find(workspace)?;
        let folder = tempfile::Builder::new().prefix("stoa-cluster-").tempdir()?;
        let credentials = Credentials::create(&folder.path().join("credentials"))?;
        let [etcd_port, peer_port, api_port, manager_port] = free_ports()?;
        let kubeconfig = credentials.write_kubeconfig(api_port)?;
        let etcd = Process::start(
            "etcd",
            folder.path(),
            &etcd(&programs, folder.path(), etcd_port, peer_port),
        )?;
        let api = Process::start(
            "kube-apiserver",
            folder.path(),
            &api_server(&programs, &credentials, folder.path(), etcd_port, api_port),
        )?;
        let kubectl = Kubectl::new(programs.path("kubectl"), &kubeconfig);
        let mut plane = Self {
            processes: vec![api, etcd],
            programs,
            credentials,
            kubeconfig,
            kubectl,
            folder,
        };
        plane.wait_until("the API is ready", |plane| {
            plane.kubectl.run(&["get", "--raw", "/readyz"]).is_ok()
        })?;
        let manager = controller_manager(&plane, manager_port);
        plane.start_process("kube-controller-manager", &manager)?;
        plane.wait_until("the namespace default has a service account", |plane| {
            plane
                .kubectl
                .run(&["get", "serviceaccount", "default"])
                .is_ok()
        })?;
        Ok(plane)
    }

    /// Access to the API.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The path of the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The folder of kubectl and the other programs.
    pub fn programs_folder(&self) -> &Path {
        self.programs.folder()
    }

    /// The folder for the files of this control plane. It is removed when the control plane is dropped.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a further program.
    pub(crate) fn start_process(
        &mut self,
        name: &'static str,
        command: &Command,
    ) -> io::Result<()> {
        let process = Process::start(name, self.folder.path(), command)?;
        self.processes.insert(0, process);
        Ok(())
    }

    /// Waits until the API serves every kind whose schema was applied. A program that starts earlier does not find its kinds.
    pub(crate) fn wait_for_schemas(&self) -> Result<(), StartError> {
        let arguments = ["wait", "--for=condition=Established", "crd", "--all"];
        self.kubectl.run(&arguments)?;
        Ok(())
    }

    /// Waits for a condition. Fails at once if one of the programs has ended.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> Result<(), StartError> {
        let begun = Instant::now();
        while !condition(self) {
            if let Some(end) = self.processes.iter_mut().find_map(Process::end) {
                return Err(StartError::NotReady(end));
            }
            if begun.elapsed() > START_DEADLINE {
                let newest = self.processes.first();
                let log = newest.map(Process::log_end).unwrap_or_default();
                return Err(StartError::NotReady(format!(
                    "waited {} s until {what}: {log}",
                    START_DEADLINE.as_secs()
                )));
            }
            std::thread::sleep(CHECK_INTERVAL);
        }
        Ok(())
    }
}

fn etcd(programs: &Programs, folder: &Path, port: u16, peer_port: u16) -> Command {
    let mut command = Command::new(programs.path("etcd"));
    let (clients, peers) = (local_url("http", port), local_url("http", peer_port));
    command.arg("--data-dir").arg(folder.join("etcd"));
    for (flag, value) in [
        ("listen-client-urls", &clients),
        ("advertise-client-urls", &clients),
        ("listen-peer-urls", &peers),
        ("initial-advertise-peer-urls", &peers),
        ("initial-cluster", &format!("default={peers}")),
        // The data need not survive a crash of the machine.
        ("unsafe-no-fsync", &"true".to_owned()),
    ] {
        command.arg(format!("--{flag}={value}"));
    }
    command
}

fn api_server(
    programs: &Programs,
    credentials: &Credentials,
    folder: &Path,
    etcd_port: u16,
    port: u16,
) -> Command {
    let mut command = Command::new(programs.path("kube-apiserver"));
    for (flag, path) in [
        ("tls-cert-file", "apiserver/tls.crt"),
        ("tls-private-key-file", "apiserver/tls.key"),
        ("client-ca-file", "ca.crt"),
        ("token-auth-file", "tokens.csv"),
        ("service-account-key-file", "accounts.pub"),
        ("service-account-signing-key-file", "accounts.key"),
    ] {
        command.arg(format!("--{flag}={}", credentials.path(path).display()));
    }
    command
        .arg(format!("--cert-dir={}", folder.join("apiserver").display()))
        .arg(format!("--etcd-servers={}", local_url("http", etcd_port)))
        .arg(format!("--secure-port={port}"))
        .args([
            "--bind-address=127.0.0.1",
            // An address for documentation (RFC 5737): nothing connects to it, but the API server requires one outside of loopback.
            "--advertise-address=192.0.2.1",
            "--endpoint-reconciler-type=none",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
        ]);
    command
}

fn controller_manager(plane: &ControlPlane, port: u16) -> Command {
    let mut command = Command::new(plane.programs.path("kube-controller-manager"));
    for flag in [
        "kubeconfig",
        "authentication-kubeconfig",
        "authorization-kubeconfig",
    ] {
        command.arg(format!("--{flag}={}", plane.kubeconfig.display()));
    }
    for (flag, path) in [
        ("service-account-private-key-file", "accounts.key"),
        ("root-ca-file", "ca.crt"),
        ("cluster-signing-cert-file", "ca.crt"),
        ("cluster-signing-key-file", "ca.key"),
        ("cert-dir", "manager"),
    ] {
        let path = plane.credentials.path(path);
        command.arg(format!("--{flag}={}", path.display()));
    }
    command.arg(format!("--secure-port={port}")).args([
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--allocate-node-cidrs=false",
    ]);
    command
}

fn local_url(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}

/// Free ports of this machine. All are reserved until the function returns, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    let listeners: Vec<_> = (0..N)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()?;
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
