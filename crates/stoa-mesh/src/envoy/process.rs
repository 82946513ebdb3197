//! The Envoy process. It ends with this program.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Time for a process to end after SIGTERM.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// How an Envoy is started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// `bookinfo/reviews-v1-0`, for log lines.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) bootstrap: PathBuf,
    /// The Envoy's own log.
    pub(crate) log: PathBuf,
}

/// Called with each line of the access log.
pub(crate) type OnLine = Arc<dyn Fn(&str) + Send + Sync>;

/// Ends the process with SIGTERM, and with SIGKILL after [`STOP_DEADLINE`].
pub(super) async fn end(child: &mut Child) {
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
pub(super) fn spawn(start: &Start, on_line: &OnLine) -> std::io::Result<Child> {
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
        // Hide warnings about deprecated fields that Istio still sends: they help no reader here.
        .args(option("--component-log-level", "misc:error"))
        // The metrics come from the access log. Envoy's default of ten seconds would delay them.
        .args(option("--file-flush-interval-msec", "250"))
        .arg("--disable-hot-restart")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C must reach only the program that started Envoy: it stops the mesh in order.
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

/// An Envoy must not outlive the program that holds its certificates, even if that program is killed.
fn die_with_parent(command: &mut std::process::Command) {
    #[expect(
        unsafe_code,
        reason = "the signal for the parent's death can be set only between fork and exec"
    )]
    // SAFETY: one system call, which is async-signal-safe and does not allocate.
    unsafe {
        command.pre_exec(|| {
            let signal = Some(rustix::process::Signal::KILL);
            rustix::process::set_parent_process_death_signal(signal).map_err(Into::into)
        });
    }
}
