//! Starts an Envoy.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use super::bootstrap::{bootstrap, config_file, config_folder, discovery};
use super::filter::Kind;
use super::log::{log, log_file};
use super::must::must;
use super::process::Envoy;
use super::pushed::Pushed;
use super::setup::Setup;
use super::watch::{Watch, ended, stop};
use crate::client::Client;
use crate::wait::wait_for;
use crate::workspace;

/// Deadline for the start of an Envoy. Envoy compiles the filters with V8 at its start, and the machine may be busy.
const START_DEADLINE: Duration = Duration::from_secs(60);

impl Setup {
    /// Starts Envoy, and waits until Envoy listens. If Envoy ends before it listens, panics with Envoy's log.
    #[track_caller]
    pub fn start(self) -> Envoy {
        match self.try_start() {
            Ok(envoy) => envoy,
            Err(log) => panic!("Envoy ended before it listened\n{log}"),
        }
    }

    /// Starts Envoy, and waits until Envoy listens.
    ///
    /// # Errors
    /// Envoy's log, if Envoy ends before it listens, for example because Envoy rejects its configuration.
    #[track_caller]
    pub fn try_start(self) -> Result<Envoy, String> {
        let folder = tempfile::Builder::new().prefix("stoa-envoy-").tempdir();
        let folder = must("cannot create a temporary folder", folder);
        must(
            "cannot write Envoy's configuration",
            write(&self, folder.path()),
        );
        let program = program();
        let stdout = must(
            "cannot create the log",
            File::create(log_file(folder.path())),
        );
        let stderr = must("cannot open the log", stdout.try_clone());
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
            .stdout(stdout)
            .stderr(stderr)
            .spawn();
        let child = must(&format!("cannot run {}", program.display()), spawned);
        let watch = Watch::start(child.id(), folder.path());
        let mut starting = Starting(Some((child, watch)));
        let pid = starting.pid();
        let found = wait_for(START_DEADLINE, "Envoy to listen", || {
            if ended(pid) {
                return Some(None);
            }
            let admin = std::fs::read_to_string(folder.path().join("admin")).ok()?;
            let admin = Client::new(format!("http://{}", admin.trim()));
            Some(Some((listening(&admin)?, admin)))
        });
        let Some((address, admin)) = found else {
            return Err(log(folder.path())); // the whole log, because Envoy may log a long configuration after the cause
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

/// An Envoy that is starting. Dropping this value stops the Envoy, unless the start has succeeded.
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

/// The address of the listener; `None` while Envoy is not ready.
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

/// The path of the Envoy that `scripts/envoy` prints.
#[track_caller]
fn program() -> PathBuf {
    let script = workspace().join("scripts/envoy");
    let output = must("cannot run scripts/envoy", Command::new(&script).output());
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
