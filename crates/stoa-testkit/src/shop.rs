//! `stoa up` as a separate process.
//!
//! - this file: the process; `shop/launch.rs`: the start of the process.
//! - `shop/options.rs`: the options; `shop/log.rs`: the log; `shop/folder.rs`: the folders, and the lock for a mesh.

mod folder;
mod launch;
mod log;
mod options;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use stoa_manifest::LoadOptions;
use tempfile::TempDir;

use crate::client::Client;
use crate::wait::wait_for;
use crate::{built, workspace};
use folder::{lock_mesh, temporary};
use launch::{launch, program};
use log::{log_file, tail};
pub use options::{SERVICES, ShopOptions};

/// Time within which the process must end. It is longer than the shutdown deadline of `stoa up`.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// Deadline for a log line. The log line for a request is written before the response is sent, or soon after that.
const LINE_DEADLINE: Duration = Duration::from_secs(20);

/// A running application. Dropping this value kills the process and removes temporary folders. If the test failed, the last lines
/// of the log are printed.
#[derive(Debug)]
pub struct Shop {
    options: ShopOptions,
    /// The lock that is held while a mesh runs. All Envoys of a user share a small number of file watches, so tests run only one
    /// mesh at a time.
    _mesh_lock: Option<File>,
    /// The folder for the log and, unless `state_dir` is set, the data.
    folder: TempDir,
    state_dir: PathBuf,
    child: Child,
    gateway: Client,
    operator: Client,
}

impl Shop {
    /// Starts the application, and waits until it responds. Panics with the end of the log if the application does not start.
    /// Panics with the build command if the program or a component is missing or stale.
    #[track_caller]
    pub fn start(mut options: ShopOptions) -> Self {
        let is_the_shop = options.manifest.parent() == Some(&workspace());
        if stoa_postgres::is_selected()
            && is_the_shop
            && !options.variables.contains_key("database_url")
        {
            options = options.postgres();
        }
        let program = program(&options);
        let load = LoadOptions {
            variables: options.variables.clone(),
            components: Some(options.components.clone()).filter(|ids| !ids.is_empty()),
            ..LoadOptions::default()
        };
        // If the options name a program, that program is part of the test's own crate. Cargo has just built that program, so it is
        // not stale.
        let problem = if options.program.is_some() {
            None
        } else {
            built::build_problem(&program, "make build")
        };
        let mut problems: Vec<_> = problem.into_iter().collect();
        problems.extend(built::component_build_problems(&options.manifest, &load));
        assert!(problems.is_empty(), "{}", problems.join("\n"));

        let folder = match temporary(options.on_disk) {
            Ok(folder) => folder,
            Err(error) => panic!("cannot create a temporary folder: {error}"),
        };
        let state_dir = options
            .state_dir
            .clone()
            .unwrap_or_else(|| folder.path().join("state"));
        let mesh_lock = options.mesh.then(lock_mesh);
        let (child, gateway, operator) = launch(&program, &options, &state_dir, folder.path());
        Self {
            _mesh_lock: mesh_lock,
            options,
            folder,
            state_dir,
            child,
            gateway,
            operator,
        }
    }

    /// A client for the main listener.
    pub fn gateway(&self) -> &Client {
        &self.gateway
    }

    /// A client for the operator's address. Without a mesh, this address serves every public route. In a mesh, it serves all reads,
    /// and the internal operations that the policies permit to the operator.
    pub fn operator(&self) -> &Client {
        &self.operator
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder of the shop's data.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// The content of the shop's `run.json`.
    #[track_caller]
    pub fn run(&self) -> Value {
        let path = self.state_dir.join("run.json");
        let read = std::fs::read(&path).ok();
        match read.and_then(|text| serde_json::from_slice(&text).ok()) {
            Some(run) => run,
            None => panic!("cannot read {}", path.display()),
        }
    }

    /// All output of the program and of its components, since the program was started for the first time.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(log_file(self.folder.path())).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a JSON log line that matches, and returns the line. Panics with `what` if no line matches before the deadline.
    #[track_caller]
    pub fn wait_for_line(&self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        wait_for(LINE_DEADLINE, what, || {
            let log = self.log();
            let mut lines = log
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            lines.find(&matches)
        })
    }

    /// Stops the process with SIGTERM. Panics unless the process ends in time, has exit code 0, and has removed `run.json`.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.ended(STOP_DEADLINE);
        assert!(
            status.success(),
            "stoa ended with {status}\n{}",
            tail(self.folder.path())
        );
        assert!(
            !self.state_dir.join("run.json").exists(),
            "stoa ended without removing run.json"
        );
    }

    /// Kills the process with SIGKILL, which is like a crash.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.ended(STOP_DEADLINE);
    }

    /// Starts the process again with the same data. If the process still runs, this method stops it first.
    #[track_caller]
    pub fn restart(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
        let (child, gateway, operator) = launch(
            &program(&self.options),
            &self.options,
            &self.state_dir,
            self.folder.path(),
        );
        self.child = child;
        self.gateway = gateway;
        self.operator = operator;
    }

    #[track_caller]
    fn signal(&mut self, signal: rustix::process::Signal) {
        // If the process has ended, another process may have the same id, and must not get the signal.
        let running = matches!(self.child.try_wait(), Ok(None));
        assert!(
            running,
            "stoa has ended already\n{}",
            tail(self.folder.path())
        );
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let sent = pid.map(|pid| rustix::process::kill_process(pid, signal));
        assert!(matches!(sent, Some(Ok(()))), "signal {signal:?}: {sent:?}");
    }

    #[track_caller]
    fn ended(&mut self, limit: Duration) -> ExitStatus {
        wait_for(limit, "the end of stoa", || {
            self.child.try_wait().ok().flatten()
        })
    }
}

impl ShopOptions {
    /// Uses the data of another shop.
    #[must_use]
    pub fn with_data_of(mut self, shop: &Shop) -> Self {
        self.state_dir = Some(shop.state_dir.clone());
        let database = shop.options.variables.iter();
        let database = database.filter(|(name, _)| name.starts_with("database_"));
        let database = database.map(|(name, value)| (name.clone(), value.clone()));
        self.variables.extend(database);
        self
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", tail(self.folder.path()));
        }
        // If the process has ended already, `kill` fails. `wait` reaps the process in any case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
