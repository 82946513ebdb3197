//! `stoa up` as a process of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use stoa_manifest::LoadOptions;
use tempfile::TempDir;

use crate::client::{Check, Client};
use crate::contract::contract;
use crate::wait::{wait_for, wait_until};
use crate::{built, workspace};

/// Long enough to compile every component on a slow machine.
const START: Duration = Duration::from_secs(180);
/// Above the bound that `stoa up` sets itself.
const STOP: Duration = Duration::from_secs(30);
/// A line is written before its answer, or soon after it.
const LINE: Duration = Duration::from_secs(20);
/// What a folder in memory must have free, in bytes: several shops at once, with the logs of their Envoys. Containers often have 64 MiB.
const MEMORY_NEEDED: u64 = 2 << 30;
/// How much of the log a failure shows.
const TAIL: usize = 60;

/// The components that keep something.
pub const SERVICES: [&str; 9] = [
    "product",
    "cart",
    "order",
    "payment",
    "user",
    "inventory",
    "shipping",
    "notification",
    "partners",
];

/// What to start.
#[derive(Debug, Clone)]
pub struct ShopOptions {
    /// The manifest; the workspace's `spin.toml` unless set.
    pub manifest: PathBuf,
    /// Whether the timers of the OpenAPI document run.
    pub timers: bool,
    /// Values of the application's variables.
    pub variables: BTreeMap<String, String>,
    /// Where data is kept; a temporary folder, removed in the end, unless set.
    pub state_dir: Option<PathBuf>,
    /// Whether a temporary folder is on a disk, as a benchmark needs it. Tests keep it in memory where there is room.
    pub on_disk: bool,
    /// The components that run, by id; all if empty.
    pub components: Vec<String>,
    /// What every answer is checked by, if at all.
    pub check: Option<Check>,
    /// Whether it runs in a mesh of Envoys.
    pub mesh: bool,
    /// Configurations of filters that take the place of the manifests', by the filter's name; for a mesh.
    pub filters: BTreeMap<String, Value>,
    /// Its environment beside the test's own.
    pub environment: BTreeMap<String, OsString>,
    /// More arguments of `stoa up`.
    pub arguments: Vec<String>,
    /// The program; `STOA_BIN` or the workspace's `target/native/stoa` unless set.
    pub program: Option<PathBuf>,
}

impl Default for ShopOptions {
    fn default() -> Self {
        Self {
            manifest: workspace().join("spin.toml"),
            timers: true,
            variables: BTreeMap::new(),
            state_dir: None,
            on_disk: false,
            components: Vec::new(),
            check: None,
            mesh: false,
            filters: BTreeMap::new(),
            environment: BTreeMap::new(),
            arguments: Vec::new(),
            program: None,
        }
    }
}

impl ShopOptions {
    /// The whole shop, its answers held against the OpenAPI documents.
    pub fn checked() -> Self {
        Self {
            check: Some(contract),
            ..Self::default()
        }
    }

    /// These components of the shop alone, without timers, their answers held against the OpenAPI documents.
    pub fn only(components: &[&str]) -> Self {
        Self {
            components: components.iter().map(|&id| id.to_owned()).collect(),
            timers: false,
            ..Self::checked()
        }
    }

    /// The next release of the shop, `spin.canary.toml`.
    #[must_use]
    pub fn canary(self) -> Self {
        Self {
            manifest: workspace().join("spin.canary.toml"),
            ..self
        }
    }

    /// The whole shop in a mesh of Envoys, its answers held against the OpenAPI documents, without injected faults.
    pub fn mesh() -> Self {
        Self {
            mesh: true,
            ..Self::checked()
        }
        .filter("payment-fault", json!({"enabled": false}))
    }

    /// With what Istio made of other manifests than the workspace's own.
    #[must_use]
    pub fn compiled(mut self, folder: &Path) -> Self {
        let folder = folder.to_string_lossy().into_owned();
        self.arguments.extend(["--mesh".to_owned(), folder]);
        self
    }

    /// With another configuration of a filter than the manifests'.
    #[must_use]
    pub fn filter(mut self, name: &str, config: Value) -> Self {
        self.filters.insert(name.to_owned(), config);
        self
    }

    /// With something in its environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// With a variable set.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// With the data of another shop.
    #[must_use]
    pub fn over(mut self, shop: &Shop) -> Self {
        self.state_dir = Some(shop.state_dir.clone());
        let database = shop.options.variables.iter();
        let database = database.filter(|(name, _)| name.starts_with("database_"));
        let database = database.map(|(name, value)| (name.clone(), value.clone()));
        self.variables.extend(database);
        self
    }

    /// With databases of its own in the PostgreSQL of this process.
    #[must_use]
    pub fn postgres(self) -> Self {
        let server = stoa_postgres::Server::shared();
        let url = match server.databases(&SERVICES) {
            Ok(url) => url,
            Err(error) => panic!("databases: {error}"),
        };
        self.variable("database_url", url)
            .variable("database_host", format!("postgres://{}", server.host()))
    }

    /// With the timers on or off.
    #[must_use]
    pub fn timers(mut self, on: bool) -> Self {
        self.timers = on;
        self
    }
}

/// A running application. Dropping it kills the process and removes what is temporary; if the test failed, the end of
/// the log is printed.
#[derive(Debug)]
pub struct Shop {
    options: ShopOptions,
    /// Held as long as a mesh runs: all Envoys of a user share one small number of file watches, so one mesh runs at a time.
    _turn: Option<File>,
    /// Log and, unless given, data.
    folder: TempDir,
    state_dir: PathBuf,
    child: Child,
    gateway: Client,
    operator: Client,
}

impl Shop {
    /// Starts it and waits until it answers. Panics, with the end of the log, if it does not, and with the command to
    /// run if something is not built or older than its sources.
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
        // A program that was named is that of the test's own crate, which cargo has just built.
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

    /// A client for the listener on which every public route answers.
    pub fn operator(&self) -> &Client {
        &self.operator
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its data is.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// What `run.json` says of itself.
    #[track_caller]
    pub fn run(&self) -> Value {
        let path = self.state_dir.join("run.json");
        let read = std::fs::read(&path).ok();
        match read.and_then(|text| serde_json::from_slice(&text).ok()) {
            Some(run) => run,
            None => panic!("{} cannot be read", path.display()),
        }
    }

    /// Everything it and its components printed, over all its starts.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(log_file(self.folder.path())).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a line that `fits` among those that are JSON, and gives it; panics with `what` if none comes.
    #[track_caller]
    pub fn wait_for_line(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait_for(LINE, what, || {
            let log = self.log();
            let mut lines = log
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            lines.find(&fits)
        })
    }

    /// Asks it to stop (SIGTERM), and panics unless it ends in time, with code 0 and its `run.json` removed.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.ended(STOP);
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

    /// Ends it without a word of warning (SIGKILL), as a crash would.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.ended(STOP);
    }

    /// Starts it again on the same data; stops it first if it runs.
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
        // Asked first, so that the process id cannot belong to another process by now.
        let running = matches!(self.child.try_wait(), Ok(None));
        assert!(running, "stoa runs no more\n{}", tail(self.folder.path()));
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

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", tail(self.folder.path()));
        }
        // It may have ended already; either way it is waited for, so that nothing is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary folder: in memory where there is room, since a shop waits for its disk at every commit, and no test cuts the power.
fn temporary(on_disk: bool) -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("stoa-test-");
    let has_room = |folder: &Path| {
        rustix::fs::statvfs(folder).is_ok_and(|stat| stat.f_bavail * stat.f_frsize >= MEMORY_NEEDED)
    };
    let memory = Path::new("/dev/shm");
    match !on_disk && has_room(memory) {
        true => builder.tempdir_in(memory),
        false => builder.tempdir(),
    }
}

/// Waits for the turn of a mesh, over all tests on this machine that use this workspace.
#[track_caller]
fn turn() -> File {
    let path = workspace().join("target/mesh.lock");
    let file = File::create(&path).and_then(|file| file.lock().map(|()| file));
    match file {
        Ok(file) => file,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

fn program(options: &ShopOptions) -> PathBuf {
    let named = options.program.clone();
    named
        .or_else(|| std::env::var_os("STOA_BIN").map(PathBuf::from))
        .unwrap_or_else(|| workspace().join("target/native/stoa"))
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn tail(folder: &Path) -> String {
    let bytes = std::fs::read(log_file(folder)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(TAIL)..)
        .unwrap_or_default();
    format!("-- the end of stoa's log --\n{}\n--", last.join("\n"))
}

#[track_caller]
fn launch(
    program: &Path,
    options: &ShopOptions,
    state_dir: &Path,
    folder: &Path,
) -> (Child, Client, Client) {
    let log = match File::options()
        .create(true)
        .append(true)
        .open(log_file(folder))
    {
        Ok(log) => log,
        Err(error) => panic!("{}: {error}", log_file(folder).display()),
    };
    let (out, err) = match (log.try_clone(), log) {
        (Ok(out), err) => (Stdio::from(out), Stdio::from(err)),
        (Err(error), _) => panic!("log: {error}"),
    };
    let mut command = Command::new(program);
    command
        .arg("up")
        .arg("--manifest")
        .arg(&options.manifest)
        .arg("--state-dir")
        .arg(state_dir);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--operator-listen",
        "127.0.0.1:0",
        "--log",
        "json",
    ]);
    // Shared by all tests: what one has compiled, the next one finds.
    command
        .arg("--cache-dir")
        .arg(workspace().join("target/stoa-cache"));
    if !options.components.is_empty() {
        command
            .arg("--components")
            .arg(options.components.join(","));
    }
    if !options.timers {
        command.arg("--no-timers");
    }
    if !options.mesh {
        command.arg("--no-mesh");
    }
    if !options.filters.is_empty() {
        let path = crate::mesh::overrides(state_dir);
        let text = json!(options.filters).to_string();
        let written = std::fs::create_dir_all(state_dir.join("mesh"))
            .and_then(|()| std::fs::write(&path, text));
        assert!(written.is_ok(), "{}: {written:?}", path.display());
    }
    for (name, value) in &options.variables {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    command.args(&options.arguments);
    // What happens to be set where the tests run is no part of them.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SPIN_VARIABLE_") {
            command.env_remove(name);
        }
    }
    command.envs(&options.environment);
    let mut child = match command.stdin(Stdio::null()).stdout(out).stderr(err).spawn() {
        Ok(child) => child,
        Err(error) => panic!("{}: {error}", program.display()),
    };
    let pid = child.id();
    let mut run = None;
    let mut ended = None;
    wait_until(START, "stoa to start", || {
        run = announced(state_dir, pid);
        ended = child.try_wait().ok().flatten();
        run.is_some() || ended.is_some()
    });
    match run {
        Some((gateway, operator)) => {
            let client = |base| match options.check {
                Some(check) => Client::new(base).checked_by(check),
                None => Client::new(base),
            };
            (child, client(gateway), client(operator))
        }
        None => panic!(
            "stoa ended with {ended:?} before it answered\n{}",
            tail(folder)
        ),
    }
}

/// The two addresses in `run.json`, once this process has written it.
fn announced(state_dir: &Path, pid: u32) -> Option<(String, String)> {
    let run: Value =
        serde_json::from_slice(&std::fs::read(state_dir.join("run.json")).ok()?).ok()?;
    let text = |name: &str| Some(run.get(name)?.as_str()?.to_owned());
    (run.get("pid")?.as_u64()? == u64::from(pid)).then_some(())?;
    Some((text("gateway")?, text("operator")?))
}
