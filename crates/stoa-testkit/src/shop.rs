//! `stoa up` as a separate process.
//!
//! - this file: the process; `shop/options.rs`: its options; `shop/launch.rs`: its start; `shop/log.rs`: its log.
//! - `shop/folder.rs`: its folders.

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
use folder::{temporary, turn};
use launch::{launch, program};
use log::{log_file, tail};
pub use options::{SERVICES, ShopOptions};

/// Longer than the shutdown deadline of `stoa up` itself.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// A log line is written before its response, or soon after it.
const LINE_DEADLINE: Duration = Duration::from_secs(20);

/// A running application. Dropping it kills the process and removes temporary folders; if the test failed, the end of the log is
/// printed.
#[derive(Debug)]
pub struct Shop {
    options: ShopOptions,
    /// Held while a mesh runs. All Envoys of a user share a small number of file watches, so only one mesh runs at a time.
    _turn: Option<File>,
    /// The folder for the log and, unless `state_dir` is set, the data.
    folder: TempDir,
    state_dir: PathBuf,
    child: Child,
    gateway: Client,
    operator: Client,
}

impl Shop {
    /// Starts the application and waits until it responds. If it does not, panics with the end of the log. If something is not built
    /// or is older than its sources, panics with the command to run.
    #[track_caller]
    pub fn start(mut options: ShopOptions) -> Self {
        let is_the_shop = options.manifest.parent() == Some(&workspace());
        if stoa_postgres::wanted() && is_the_shop && !options.variables.contains_key("database_url")
        {
            options = options.postgres();
        }
        let program = program(&options);
        let load = LoadOptions {
            variables: options.variables.clone(),
            components: Some(options.components.clone()).filter(|ids| !ids.is_empty()),
            ..LoadOptions::default()
        };
        // A given program belongs to the test's own crate, which cargo has just built.
        let fault = if options.program.is_some() {
            None
        } else {
            built::fault(&program, "make build")
        };
        let mut faults: Vec<_> = fault.into_iter().collect();
        faults.extend(built::faults_of(&options.manifest, &load));
        assert!(faults.is_empty(), "{}", faults.join("\n"));

        let folder = match temporary(options.on_disk) {
            Ok(folder) => folder,
            Err(error) => panic!("temporary folder: {error}"),
        };
        let state_dir = options
            .state_dir
            .clone()
            .unwrap_or_else(|| folder.path().join("state"));
        let turn = options.mesh.then(turn);
        let (child, gateway, operator) = launch(&program, &options, &state_dir, folder.path());
        Self {
            _turn: turn,
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

    /// A client for the operator's listener, which serves every public route.
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
            None => panic!("{} cannot be read", path.display()),
        }
    }

    /// The whole output of the program and its components, over all starts.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(log_file(self.folder.path())).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a JSON log line that matches, and returns it; panics with `what` if there is none in time.
    #[track_caller]
    pub fn wait_for_line(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait_for(LINE_DEADLINE, what, || {
            let log = self.log();
            let mut lines = log
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            lines.find(&fits)
        })
    }

    /// Stops the process with SIGTERM. Panics unless it ends in time, with exit code 0 and without its `run.json`.
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
            "run.json was left behind"
        );
    }

    /// Kills the process without warning (SIGKILL), like a crash.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.ended(STOP_DEADLINE);
    }

    /// Starts it again with the same data; stops it first if it runs.
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
        // Checked first, so that the process id cannot belong to another process by now.
        let running = matches!(self.child.try_wait(), Ok(None));
        assert!(
            running,
            "stoa does not run any more\n{}",
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
    pub fn over(mut self, shop: &Shop) -> Self {
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
        // It may have ended already. In both cases it is reaped, so that no process is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
