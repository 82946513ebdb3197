//! One Envoy, kept alive: found, started, started again when it ends, stopped.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

/// The version that Istio's configuration was tried with; older ones lack what it uses.
const VERSION: [u32; 2] = [1, 40];
/// One that lived this long is started again at once; one that ends sooner waits, longer each time.
const STEADY: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// One that ended sooner so many times in a row will not come up. A first time may have been bad luck: another mesh that was just
/// about to give its file watches back.
const HOPELESS: u32 = 3;
/// How far back in a log its last words are looked for; an abort has a trace of calls behind them.
const LAST: u64 = 64 << 10;
/// How long one may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(5);

/// Where Debian has the authorities' certificates.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// There is no Envoy that can be used.
#[derive(Debug, thiserror::Error)]
pub enum NoEnvoy {
    /// STOA_ENVOY names no program.
    #[error("STOA_ENVOY is {}, and no program is there", .0.display())]
    Named(PathBuf),
    /// None was found.
    #[error("no Envoy 1.40 or later: `make setup` fetches it; or set STOA_ENVOY to its path")]
    Nowhere,
}

/// The Envoy to run: STOA_ENVOY; one on PATH that is new enough; or the one that `make setup` fetched into `fetched`,
/// `target/envoy` of a checkout.
///
/// # Errors
/// If there is none.
pub fn find_envoy(fetched: &Path) -> Result<PathBuf, NoEnvoy> {
    if let Some(named) = std::env::var_os("STOA_ENVOY").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            Err(NoEnvoy::Named(named))
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("envoy"));
    let fetched = std::fs::read_dir(fetched).into_iter().flatten().flatten();
    let fetched = fetched.map(|version| version.path().join("envoy"));
    on_path
        .filter(|program| program.is_file() && version(program) >= Some(VERSION))
        .chain(fetched.filter(|program| program.is_file()))
        .next()
        .ok_or(NoEnvoy::Nowhere)
}

/// There are no certificates of authorities for third parties.
#[derive(Debug, thiserror::Error)]
#[error("SSL_CERT_FILE is {}, and no file is there", .0.display())]
pub struct NoRoots(PathBuf);

/// The certificates of the authorities that third parties' are from: SSL_CERT_FILE, or where this system has them.
///
/// # Errors
/// If SSL_CERT_FILE names no file.
pub fn find_roots() -> Result<PathBuf, NoRoots> {
    match std::env::var_os("SSL_CERT_FILE").map(PathBuf::from) {
        Some(named) if named.is_file() => Ok(named),
        Some(named) if !named.as_os_str().is_empty() => Err(NoRoots(named)),
        // Where nothing is found, it is told once somebody needs it.
        _ => Ok(openssl_probe::probe()
            .cert_file
            .unwrap_or_else(|| ROOTS.into())),
    }
}

/// `envoy --version` writes commit/1.40.0/Clean/RELEASE/BoringSSL.
fn version(program: &Path) -> Option<[u32; 2]> {
    let output = std::process::Command::new(program)
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text
        .rsplit("version:")
        .next()?
        .split('/')
        .nth(1)?
        .split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some([number()?, number()?])
}

/// What an Envoy is started with.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// `shop/cart-v1-0`, for the log.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) bootstrap: PathBuf,
    /// Its own log.
    pub(crate) log: PathBuf,
}

/// What is done with each line of the access log.
pub(crate) type OnLine = Arc<dyn Fn(&str) + Send + Sync>;

/// An Envoy that is kept alive. Dropping it ends it.
pub(crate) struct Supervised {
    pid: Arc<AtomicU32>,
    restarts: Arc<AtomicU32>,
    short: Arc<Mutex<Short>>,
    log: PathBuf,
    /// Where this mesh's part of the log begins.
    log_from: u64,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

/// How many lives in a row were short, and how the last one ended.
#[derive(Debug, Default)]
struct Short {
    in_a_row: u32,
    how: String,
}

impl Supervised {
    /// Starts it.
    ///
    /// # Errors
    /// If the program or the log cannot be opened.
    pub(crate) fn start(start: Start, on_line: OnLine) -> std::io::Result<Self> {
        let log = start.log.clone();
        let log_from = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let child = spawn(&start, &on_line)?;
        let short = Arc::default();
        let pid = Arc::new(AtomicU32::new(child.id().unwrap_or(0)));
        let restarts = Arc::new(AtomicU32::new(0));
        let (stop, stopping) = watch::channel(false);
        let life = Life {
            start,
            on_line,
            pid: Arc::clone(&pid),
            restarts: Arc::clone(&restarts),
            short: Arc::clone(&short),
            stopping,
        };
        let task = tokio::spawn(life.live(child));
        Ok(Self {
            pid,
            restarts,
            short,
            log,
            log_from,
            stop,
            task,
        })
    }

    /// The process; 0 while there is none.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// How often it was started again.
    pub(crate) fn restarts(&self) -> &Arc<AtomicU32> {
        &self.restarts
    }

    /// How it ended and the last that it said, if it does nothing but end as soon as it is started.
    pub(crate) fn short_lives(&self) -> Option<String> {
        let short = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        (short.in_a_row >= HOPELESS).then(|| match last_words(&self.log, self.log_from) {
            Some(said) => format!("{}: {said}", short.how),
            None => format!("{}, without a word", short.how),
        })
    }

    /// Ends it, and waits for its end.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

struct Life {
    start: Start,
    on_line: OnLine,
    pid: Arc<AtomicU32>,
    restarts: Arc<AtomicU32>,
    short: Arc<Mutex<Short>>,
    stopping: watch::Receiver<bool>,
}

impl Life {
    fn ended(&self, steady: bool, how: String) {
        let mut short = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        let in_a_row = if steady { 0 } else { short.in_a_row + 1 };
        *short = Short { in_a_row, how };
    }

    async fn live(mut self, mut child: Child) {
        let mut wait = FIRST_WAIT;
        loop {
            let born = Instant::now();
            let ended = tokio::select! {
                ended = child.wait() => ended,
                () = told_to_stop(&mut self.stopping) => {
                    end(&mut child).await;
                    self.pid.store(0, Ordering::Relaxed);
                    return;
                }
            };
            self.pid.store(0, Ordering::Relaxed);
            let steady = born.elapsed() >= STEADY;
            wait = if steady { FIRST_WAIT } else { wait };
            let how = ended.map_or_else(|error| error.to_string(), |status| told(&status));
            let (envoy, log) = (&self.start.name, self.start.log.display());
            tracing::warn!(envoy, how, %log, "Envoy ended; it is started again");
            self.ended(steady, how);
            child = loop {
                if !steady || wait > FIRST_WAIT {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = told_to_stop(&mut self.stopping) => return,
                    }
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                match spawn(&self.start, &self.on_line) {
                    Ok(child) => break child,
                    Err(error) => {
                        tracing::error!(envoy, %error, "Envoy does not start");
                        wait = wait.max(FIRST_WAIT * 2);
                    }
                }
            };
            self.pid.store(child.id().unwrap_or(0), Ordering::Relaxed);
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The last line of a log, from a place on, that is no trace of calls.
fn last_words(log: &Path, from: u64) -> Option<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(log).ok()?;
    let from = from.max(file.metadata().ok()?.len().saturating_sub(LAST));
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(from)).ok()?;
    file.take(LAST).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let trace = |line: &str| line.contains("][backtrace] ") || line.contains("][envoy_bug] ");
    let mut lines = text.lines().map(str::trim).rev();
    lines
        .find(|line| !line.is_empty() && !trace(line))
        .map(str::to_owned)
}

/// Completes once it is to stop, or nobody is left to say so.
async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn told(status: &ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        Some(signal) => format!("killed by signal {signal}"),
        None => status.to_string(),
    }
}

async fn end(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

fn spawn(start: &Start, on_line: &OnLine) -> std::io::Result<Child> {
    if let Some(folder) = start.log.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&start.log)?;
    let mut command = std::process::Command::new(&start.program);
    let option = |name: &str, value: &str| [OsString::from(name), OsString::from(value)];
    command
        .arg("--config-path")
        .arg(&start.bootstrap)
        .args(option("--concurrency", "1"))
        .args(option("--log-level", "warning"))
        // What Istio still sends and Envoy calls deprecated is nobody's business here.
        .args(option("--component-log-level", "misc:error"))
        // The access log is what metrics are made of: ten seconds, as by default, is late.
        .args(option("--file-flush-interval-msec", "250"))
        .arg("--disable-hot-restart")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C is for the program that started it: it stops the mesh in order.
        .process_group(0);
    die_with_parent(&mut command);
    let mut child = Command::from(command).kill_on_drop(true).spawn()?;
    if let Some(output) = child.stdout.take() {
        let on_line = Arc::clone(on_line);
        tokio::spawn(async move {
            let mut lines = BufReader::with_capacity(64 << 10, output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                on_line(&line);
            }
        });
    }
    Ok(child)
}

/// An Envoy must not outlive the program that holds its certificates, not even where that one is killed.
fn die_with_parent(command: &mut std::process::Command) {
    #[expect(
        unsafe_code,
        reason = "the parent's death can be asked for only between fork and exec"
    )]
    // SAFETY: one system call, which is async-signal-safe, and which allocates nothing.
    unsafe {
        command.pre_exec(|| {
            let signal = Some(rustix::process::Signal::KILL);
            rustix::process::set_parent_process_death_signal(signal).map_err(Into::into)
        });
    }
}
