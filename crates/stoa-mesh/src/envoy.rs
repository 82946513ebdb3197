//! One supervised Envoy: started, restarted when it ends, stopped.
//!
//! - this file: the supervisor; `envoy/process.rs`: the process; `envoy/last_words.rs`: why it ended.
//! - `envoy/find.rs`: the program to run.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::Instant;

mod find;
mod last_words;
mod process;

pub use find::{NoEnvoy, NoRoots, find_envoy, find_roots};
use last_words::last_words;
pub(crate) use process::{OnLine, Start};
use process::{end, spawn};

/// An Envoy that ran this long is restarted at once. One that ends sooner is restarted after a wait, which grows each time.
const STEADY_LIFE: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Short runs in a row after which an Envoy counts as failed to start. The first short run may be bad luck: another mesh may be
/// about to release its file watches.
const SHORT_LIVES: u32 = 3;

/// A supervised Envoy. Dropping it stops the process.
pub(crate) struct Supervised {
    pid: Arc<AtomicU32>,
    restarts: Arc<AtomicU32>,
    short: Arc<Mutex<Short>>,
    log: PathBuf,
    /// Byte offset in the log where this mesh's part begins.
    log_from: u64,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

/// The number of short runs in a row, and how the last one ended.
#[derive(Debug, Default)]
struct Short {
    in_a_row: u32,
    how: String,
}

impl Supervised {
    /// Starts the Envoy.
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

    /// The process id; 0 while no process runs.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// The number of restarts.
    pub(crate) fn restarts(&self) -> &Arc<AtomicU32> {
        &self.restarts
    }

    /// How the last run ended and the last line of the log, if the Envoy ends repeatedly right after its start.
    pub(crate) fn short_lives(&self) -> Option<String> {
        let short = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        (short.in_a_row >= SHORT_LIVES).then(|| match last_words(&self.log, self.log_from) {
            Some(said) => format!("{}: {said}", short.how),
            None => format!("{}, without a word", short.how),
        })
    }

    /// Stops the Envoy, and waits for its end.
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
                () = stop_requested(&mut self.stopping) => {
                    end(&mut child).await;
                    self.pid.store(0, Ordering::Relaxed);
                    return;
                }
            };
            self.pid.store(0, Ordering::Relaxed);
            let steady = born.elapsed() >= STEADY_LIFE;
            wait = if steady { FIRST_WAIT } else { wait };
            let how = ended.map_or_else(|error| error.to_string(), |status| describe(&status));
            let (envoy, log) = (&self.start.name, self.start.log.display());
            tracing::warn!(envoy, how, %log, "Envoy ended; it is started again");
            self.ended(steady, how);
            child = loop {
                if !steady || wait > FIRST_WAIT {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = stop_requested(&mut self.stopping) => return,
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

/// Completes once a stop is requested, or the owner is gone.
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
