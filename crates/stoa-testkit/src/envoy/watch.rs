//! Kills a process that its test leaves behind.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, WaitId, WaitIdOptions};

use super::must::must;

/// Kills Envoy, and removes its folder, if this process ends first: then its pipe closes, whatever the cause. (Linux's own signal
/// for this comes when a *thread* ends, and tests are threads.)
#[derive(Debug)]
pub(super) struct Watch(Child);

impl Watch {
    #[track_caller]
    /// Watches the process `pid` and its folder.
    pub(super) fn over(pid: u32, folder: &Path) -> Self {
        let script = "trap '' INT TERM HUP; read _; kill -9 \"$1\"; rm -rf -- \"$2\"";
        let spawned = Command::new("sh")
            .args(["-c", script, "sh", &pid.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(must("sh", spawned))
    }

    /// Ends the watch without touching the process.
    pub(super) fn end(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Stops the process. The watch ends before the process is reaped: until then no other process can have its id.
pub(super) fn stop(child: &mut Child, watch: &mut Watch) {
    let _ = child.kill();
    watch.end();
    let _ = child.wait();
}

/// Whether the process ended by itself. It is not reaped, so its id stays reserved.
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
    fn a_process_and_its_folder_do_not_outlive_the_one_that_started_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let mut watch = Watch::over(child.id(), folder.path());
        drop(watch.0.stdin.take()); // as at the end of this process
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert!(watch.0.wait().unwrap().success());
        assert!(!folder.path().exists());
    }
}
