//! A program that ends together with the process that started it.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Runs the program in its arguments, and stops the program when standard input is closed: when the parent drops the process or ends.
/// A program that does not end within 5 s of SIGTERM is killed.
const SUPERVISOR_SCRIPT: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ read -r _ <&3 || true; kill -TERM $program; sleep 5; kill -KILL $program; } 2>/dev/null &
watcher=$!
wait $program
status=$?
kill $watcher 2>/dev/null
exit $status
"#;

/// A running program, whose output goes to a log file. Dropping this value stops the program.
pub(crate) struct Process {
    supervisor: Child,
    name: &'static str,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, and writes its output to `NAME.log` in `folder`.
    pub(crate) fn start(name: &'static str, folder: &Path, command: &Command) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let mut supervisor = Command::new("sh");
        supervisor
            .args(["-c", SUPERVISOR_SCRIPT, "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(command.get_current_dir().unwrap_or(folder))
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => supervisor.env(key, value),
                None => supervisor.env_remove(key),
            };
        }
        Ok(Self {
            supervisor: supervisor.spawn()?,
            name,
            log,
        })
    }

    /// The last lines of the log, if the program has ended.
    pub(crate) fn end(&mut self) -> Option<String> {
        let status = self.supervisor.try_wait().ok().flatten()?;
        Some(format!(
            "{} ended with {status}: {}",
            self.name,
            self.log_end()
        ))
    }

    /// The last lines of the log.
    pub(crate) fn log_end(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let end = lines.len().saturating_sub(10);
        lines.get(end..).unwrap_or_default().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
