//! Starts and ends the process of an Envoy. The process also ends when this program ends.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Deadline for a process to end after SIGTERM.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// The options of an Envoy's process.
#[derive(Debug, Clone)]
pub(crate) struct StartOptions {
    /// The workload's name for log lines, such as `bookinfo/reviews-v1-0`.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) bootstrap: PathBuf,
    /// The Envoy's own log.
    pub(crate) log: PathBuf,
}

/// A function that is called with each line of the Envoy's access log.
pub(crate) type OnLine = Arc<dyn Fn(&str) + Send + Sync>;

/// Sends SIGTERM to the process. If the process still runs after [`STOP_DEADLINE`], sends SIGKILL.
pub(super) async fn terminate(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(STOP_DEADLINE, child.wait())
        .await
        .is_err()
    {
        let _ = child.kill().await;
    }
}

/// Starts the process.
pub(super) fn spawn(start: &StartOptions, on_line: &OnLine) -> std::io::Result<Child> {
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
        // Hides warnings about deprecated fields in the configuration. Istio still sends these fields, and a reader of the log
        // cannot change what Istio sends.
        .args(option("--component-log-level", "misc:error"))
        // Envoy writes its access log every 250 ms. The metrics are made from the access log, and Envoy's default of ten seconds
        // would delay the metrics.
        .args(option("--file-flush-interval-msec", "250"))
        .arg("--disable-hot-restart")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C must not reach Envoy directly, because Envoy would end at once. The program that started the mesh stops the Envoys
        // after the requests in flight have finished.
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

/// Makes the kernel kill an Envoy when this program dies, even by SIGKILL. An Envoy cannot continue alone, because this program
/// issues its certificates.
fn die_with_parent(command: &mut std::process::Command) {
    #[expect(
        unsafe_code,
        reason = "a child process can request its parent-death signal only between fork and exec"
    )]
    // SAFETY: the closure makes one system call, which is async-signal-safe and does not allocate.
    unsafe {
        command.pre_exec(|| {
            let signal = Some(rustix::process::Signal::KILL);
            rustix::process::set_parent_process_death_signal(signal).map_err(Into::into)
        });
    }
}
