//! Supervises the process of one Envoy. The supervisor starts the process, restarts the Envoy when its process ends, and stops it.
//!
//! - this file: the supervisor; `envoy/process.rs`: the process; `envoy/log_end.rs`: finds the log line that explains why a process
//!   ended.
//! - `envoy/find.rs`: finds the Envoy program.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::Instant;

mod find;
mod log_end;
mod process;

pub use find::{NoEnvoy, NoRoots, find_envoy, find_roots};
use log_end::last_log_line;
pub(crate) use process::{OnLine, StartOptions};
use process::{spawn, terminate};

/// If an Envoy's process ran at least this long before it ended, the Envoy is restarted at once. After a shorter run, the Envoy is
/// restarted after a delay, which doubles with each short run.
const STEADY_RUN: Duration = Duration::from_secs(10);
/// Delay before an Envoy is restarted after the first of several short runs in a row.
const FIRST_RESTART_DELAY: Duration = Duration::from_millis(100);
/// Maximum delay before an Envoy is restarted.
const LONGEST_RESTART_DELAY: Duration = Duration::from_secs(5);
/// Number of short runs in a row after which an Envoy counts as failed to start. The first short run may have a transient cause:
/// another mesh that is stopping may still hold file watches that this Envoy needs.
const FAILED_START_RUNS: u32 = 3;

/// A supervised Envoy. Dropping this value stops the process.
pub(crate) struct Supervised {
    pid: Arc<AtomicU32>,
    restarts: Arc<AtomicU32>,
    short_runs: Arc<Mutex<ShortRuns>>,
    log: PathBuf,
    /// Byte offset in the log file at which the lines of this Envoy begin. Earlier lines are from a previous run of the mesh.
    log_from: u64,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

/// The number of short runs in a row, and how the last run ended.
#[derive(Debug, Default)]
struct ShortRuns {
    count: u32,
    last_end: String,
}

impl Supervised {
    /// Starts the Envoy.
    ///
    /// # Errors
    /// If the program cannot be started, or the log cannot be opened.
    pub(crate) fn start(start: StartOptions, on_line: OnLine) -> std::io::Result<Self> {
        let log = start.log.clone();
        let log_from = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let child = spawn(&start, &on_line)?;
        let short_runs = Arc::default();
        let pid = Arc::new(AtomicU32::new(child.id().unwrap_or(0)));
        let restarts = Arc::new(AtomicU32::new(0));
        let (stop, stopping) = watch::channel(false);
        let supervisor = Supervisor {
            start,
            on_line,
            pid: Arc::clone(&pid),
            restarts: Arc::clone(&restarts),
            short_runs: Arc::clone(&short_runs),
            stopping,
        };
        let task = tokio::spawn(supervisor.supervise(child));
        Ok(Self {
            pid,
            restarts,
            short_runs,
            log,
            log_from,
            stop,
            task,
        })
    }

    /// The process id; 0 while no process runs.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// The number of restarts.
    pub(crate) fn restarts(&self) -> &Arc<AtomicU32> {
        &self.restarts
    }

    /// If the Envoy repeatedly ends right after its start, returns how its last run ended, and the last line of its log. Returns
    /// `None` otherwise.
    pub(crate) fn failed_start(&self) -> Option<String> {
        let short_runs = self
            .short_runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let last_end = &short_runs.last_end;
        (short_runs.count >= FAILED_START_RUNS).then(|| {
            match last_log_line(&self.log, self.log_from) {
                Some(line) => format!("{last_end}: {line}"),
                None => format!("{last_end}, and the Envoy logged nothing"),
            }
        })
    }

    /// Stops the Envoy, and waits until its process has ended.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

struct Supervisor {
    start: StartOptions,
    on_line: OnLine,
    pid: Arc<AtomicU32>,
    restarts: Arc<AtomicU32>,
    short_runs: Arc<Mutex<ShortRuns>>,
    stopping: watch::Receiver<bool>,
}

impl Supervisor {
    fn record_end(&self, steady: bool, last_end: String) {
        let mut short_runs = self
            .short_runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = if steady { 0 } else { short_runs.count + 1 };
        *short_runs = ShortRuns { count, last_end };
    }

    async fn supervise(mut self, mut child: Child) {
        let mut delay = FIRST_RESTART_DELAY;
        loop {
            let started = Instant::now();
            let ended = tokio::select! {
                ended = child.wait() => ended,
                () = stop_requested(&mut self.stopping) => {
                    terminate(&mut child).await;
                    self.pid.store(0, Ordering::Relaxed);
                    return;
                }
            };
            self.pid.store(0, Ordering::Relaxed);
            let steady = started.elapsed() >= STEADY_RUN;
            delay = if steady { FIRST_RESTART_DELAY } else { delay };
            let how = ended.map_or_else(|error| error.to_string(), |status| describe(&status));
            let (envoy, log) = (&self.start.name, self.start.log.display());
            tracing::warn!(envoy, how, %log, "the Envoy process ended; it is restarted");
            self.record_end(steady, how);
            child = loop {
                if !steady || delay > FIRST_RESTART_DELAY {
                    tokio::select! {
                        () = tokio::time::sleep(delay) => {}
                        () = stop_requested(&mut self.stopping) => return,
                    }
                    delay = (delay * 2).min(LONGEST_RESTART_DELAY);
                }
                match spawn(&self.start, &self.on_line) {
                    Ok(child) => break child,
                    Err(error) => {
                        tracing::error!(envoy, %error, "cannot start the Envoy process");
                        delay = delay.max(FIRST_RESTART_DELAY * 2);
                    }
                }
            };
            self.pid.store(child.id().unwrap_or(0), Ordering::Relaxed);
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Completes once a stop is requested, or the [`Supervised`] is dropped.
async fn stop_requested(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn describe(status: &ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        Some(signal) => format!("killed by signal {signal}"),
        None => status.to_string(),
    }
}
