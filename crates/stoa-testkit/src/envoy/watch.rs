//! Kills an Envoy if its test ends without stopping it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, WaitId, WaitIdOptions};

use super::must::must;

/// A shell process that kills Envoy and removes the Envoy's folder when the test's process ends. The shell reads from a pipe, and
/// the pipe closes when the test's process ends for any reason. (Linux can also send a signal when a parent ends, but it sends the
/// signal when the parent's *thread* ends, and each test is a thread.)
#[derive(Debug)]
pub(super) struct Watch(Child);

impl Watch {
    /// Starts a watch for the Envoy with this process id and this folder.
    #[track_caller]
    pub(super) fn start(pid: u32, folder: &Path) -> Self {
        let script = "trap '' INT TERM HUP; read _; kill -9 \"$1\"; rm -rf -- \"$2\"";
        let spawned = Command::new("sh")
            .args(["-c", script, "sh", &pid.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(must("cannot run sh", spawned))
    }

    /// Closes the pipe and waits for the shell process, which kills the Envoy if it still runs, and removes its folder.
    pub(super) fn end(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Kills the Envoy `child` and reaps it. The watch must end before the Envoy is reaped. Otherwise another process could get the
/// Envoy's process id, and the watch would kill that process.
pub(super) fn stop(child: &mut Child, watch: &mut Watch) {
    let _ = child.kill();
    watch.end();
    let _ = child.wait();
}

/// True if the process `pid` has ended. This function does not reap the process, so no other process can get the same id.
pub(super) fn ended(pid: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::Watch;

    #[test]
    fn the_watch_kills_the_process_and_removes_its_folder_when_the_pipe_closes() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let mut watch = Watch::start(child.id(), folder.path());
        drop(watch.0.stdin.take()); // closes the pipe, as the end of the test's process would
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert!(watch.0.wait().unwrap().success());
        assert!(!folder.path().exists());
    }
}
