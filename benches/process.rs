//! Process statistics from Linux.

use std::path::PathBuf;
use std::time::Duration;

/// The program that `make release` builds.
pub(crate) fn shipped() -> PathBuf {
    let program = stoa_testkit::workspace().join("target/release/stoa");
    assert!(
        program.exists(),
        "{} is missing: run `make release` first",
        program.display()
    );
    program
}

/// User and system CPU time so far. It grows in steps of 10 ms, so a measurement must take seconds.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The second field of `/proc/PID/stat` is the program's name in parentheses. The name may contain blanks.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10) // USER_HZ is 100 on Linux x86-64
}

/// Resident memory, in MiB.
pub(crate) fn resident(pid: u32) -> u64 {
    memory(pid, "VmRSS:")
}

/// Peak resident memory, in MiB.
pub(crate) fn resident_at_its_peak(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kib = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
