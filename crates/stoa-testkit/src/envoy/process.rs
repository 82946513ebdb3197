//! The process.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions};
use tempfile::TempDir;

use super::bootstrap::{bootstrap, config_file, config_folder, discovery};
use super::call::{Call, Connection, Reply};
use super::push::Pushed;
use super::setup::{Kind, Setup};
use super::tls::{Caller, Identity};
use crate::client::Client;
use crate::wait::wait_for;
use crate::workspace;

/// V8 compiles filters at the start, on a machine that may be busy.
const START: Duration = Duration::from_secs(60);
/// How much of the log a failure shows.
const TAIL: usize = 40;

/// A running Envoy. Dropping it kills it and removes its folder; if the test failed, the end of its log is printed.
#[derive(Debug)]
pub struct Envoy {
    pub(super) folder: TempDir,
    pub(super) admin: Client,
    pub(super) pushed: Mutex<BTreeMap<String, Pushed>>,
    address: SocketAddr,
    child: Child,
    watch: Watch,
}

impl Setup {
    /// Starts it and waits until it listens; panics, with its log, if it does not.
    #[track_caller]
    pub fn start(self) -> Envoy {
        match self.try_start() {
            Ok(envoy) => envoy,
            Err(log) => panic!("Envoy ended instead of listening\n{log}"),
        }
    }

    /// As [`Setup::start`].
    ///
    /// # Errors
    /// Its log, where it refuses what it was told.
    #[track_caller]
    pub fn try_start(self) -> Result<Envoy, String> {
        let folder = tempfile::Builder::new().prefix("stoa-envoy-").tempdir();
        let folder = must("a temporary folder", folder);
        must("configuration for Envoy", write(&self, folder.path()));
        let program = program();
        let file = must("a log", File::create(log_file(folder.path())));
        let other = must("a log", file.try_clone());
        let spawned = Command::new(&program)
            .arg("--config-path")
            .arg(folder.path().join("bootstrap.json"))
            .arg("--admin-address-path")
            .arg(folder.path().join("admin"))
            .arg("--concurrency")
            .arg(self.concurrency.to_string())
            .args(["--disable-hot-restart", "--log-level", "warning"])
            .arg("--component-log-level")
            .arg(format!("wasm:{}", self.wasm_log))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(other)
            .spawn();
        let child = must(&program.display().to_string(), spawned);
        let watch = Watch::over(child.id(), folder.path());
        let mut starting = Starting(Some((child, watch)));
        let pid = starting.pid();
        let found = wait_for(START, "Envoy to listen", || {
            if ended(pid) {
                return Some(None);
            }
            let admin = std::fs::read_to_string(folder.path().join("admin")).ok()?;
            let admin = Client::new(format!("http://{}", admin.trim()));
            Some(Some((listening(&admin)?, admin)))
        });
        let Some((address, admin)) = found else {
            return Err(log(folder.path())); // all of it: the cause may stand above a long configuration
        };
        let wasm = |kind: &Kind| matches!(kind, Kind::Wasm { .. });
        let filters = self.filters.into_iter().filter(|f| wasm(&f.kind));
        let pushed = filters.map(|filter| (filter.name.clone(), Pushed::first(filter)));
        let pushed = Mutex::new(pushed.collect());
        let Some((child, watch)) = starting.0.take() else {
            return Err(log(folder.path()));
        };
        Ok(Envoy {
            folder,
            admin,
            pushed,
            address,
            child,
            watch,
        })
    }
}

impl Envoy {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        log(self.folder.path())
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        tail(self.folder.path())
    }

    /// A keep-alive connection.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        self.connection(None)
    }

    /// A keep-alive connection by mutual TLS, as this caller; for a [`Setup::mtls`].
    #[track_caller]
    pub fn connect_as(&self, identity: &Identity) -> Connection {
        self.connection(Some(Caller::new(identity)))
    }

    #[track_caller]
    fn connection(&self, caller: Option<Caller>) -> Connection {
        must(
            "a connection to Envoy",
            Connection::open(self.address, caller),
        )
    }

    /// One request on a connection of its own; panics if no whole answer came.
    #[track_caller]
    pub fn send(&self, call: Call) -> Reply {
        must("an answer from Envoy", self.try_send(call))
    }

    /// One request on a connection of its own.
    ///
    /// # Errors
    /// What broke, if no whole answer came.
    pub fn try_send(&self, call: Call) -> std::io::Result<Reply> {
        Connection::open(self.address, None)?.send(&call)
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log_tail());
        }
        stop(&mut self.child, &mut self.watch);
    }
}

/// The watch ends first: while the process has not been waited for, its id is no one else's.
fn stop(child: &mut Child, watch: &mut Watch) {
    let _ = child.kill();
    watch.end();
    let _ = child.wait();
}

/// Stopped if the start fails.
struct Starting(Option<(Child, Watch)>);

impl Starting {
    fn pid(&self) -> u32 {
        self.0.as_ref().map_or(0, |(child, _)| child.id())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some((child, watch)) = &mut self.0 {
            stop(child, watch);
        }
    }
}

/// Ends Envoy, and removes its folder, when this process ends without having done so: its pipe closes then, whatever
/// it died of. (Linux's own signal for that comes when a *thread* ends, and tests are threads.)
#[derive(Debug)]
struct Watch(Child);

impl Watch {
    #[track_caller]
    fn over(pid: u32, folder: &Path) -> Self {
        let script = "trap '' INT TERM HUP; read _; kill -9 \"$1\"; rm -rf -- \"$2\"";
        let spawned = Command::new("sh")
            .args(["-c", script, "sh", &pid.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(must("sh", spawned))
    }

    fn end(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Whether it ended by itself. It is not waited for, so that its id stays its own.
fn ended(pid: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None)))
}

/// Where the listener is, once everything that it waits for is there.
fn listening(admin: &Client) -> Option<SocketAddr> {
    let ready = admin.get("/ready").try_send().ok()?;
    if ready.status != 200 {
        return None;
    }
    let listeners = admin.get("/listeners?format=json").try_send().ok()?.json;
    let socket = listeners.pointer("/listener_statuses/0/local_address/socket_address")?;
    let port = u16::try_from(socket.get("port_value")?.as_u64()?).ok()?;
    Some(SocketAddr::new(
        socket.get("address")?.as_str()?.parse().ok()?,
        port,
    ))
}

/// `scripts/envoy` says which.
#[track_caller]
fn program() -> PathBuf {
    let script = workspace().join("scripts/envoy");
    let output = must("scripts/envoy", Command::new(&script).output());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    PathBuf::from(text(&output.stdout))
}

fn write(setup: &Setup, folder: &Path) -> std::io::Result<()> {
    let bootstrap = bootstrap(setup, folder);
    std::fs::write(
        folder.join("bootstrap.json"),
        serde_json::to_vec_pretty(&bootstrap)?,
    )?;
    for filter in &setup.filters {
        if let Some(discovery) = discovery(filter, 1) {
            std::fs::create_dir_all(config_folder(folder, &filter.name))?;
            std::fs::write(config_file(folder, &filter.name), discovery.to_string())?;
        }
    }
    Ok(())
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn log(folder: &Path) -> String {
    let bytes = std::fs::read(log_file(folder)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn tail(folder: &Path) -> String {
    let log = log(folder);
    let lines: Vec<_> = log.lines().collect();
    let last = lines.get(lines.len().saturating_sub(TAIL)..);
    let last = last.unwrap_or_default().join("\n");
    format!("-- the end of Envoy's log --\n{last}\n--")
}

#[track_caller]
fn must<T>(what: &str, result: std::io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::Watch;

    #[test]
    fn a_process_and_its_folder_do_not_outlive_the_one_that_started_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let mut watch = Watch::over(child.id(), folder.path());
        drop(watch.0.stdin.take()); // as the end of this process would do
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert!(watch.0.wait().unwrap().success());
        assert!(!folder.path().exists());
    }
}
