//! Why an Envoy rejected its configuration. For configuration from files, the Envoy's log is the only record.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Envoy's text before the reason.
const REFUSED: &str = "Filesystem config update rejected: ";
/// Envoy's prefix for a filter's own log lines.
const SAID: &str = "wasm log: ";
/// Bytes read from the end of a log: an entry may contain a whole listener.
const TAIL_BYTES: u64 = 1 << 20;
/// Maximum length of a reason, in characters; a longer one is shortened.
const LONGEST_REASON: usize = 400;

/// The last distinct reasons in a log, the newest last.
pub(super) fn reasons(log: &Path, most: usize) -> Vec<String> {
    let text = tail(log).unwrap_or_default();
    let mut reasons: Vec<String> = Vec::new();
    let mut said = None;
    for entry in entries(&text) {
        if let Some((_, own)) = entry.split_once(SAID) {
            said = Some(own.trim());
        } else if let Some((_, reason)) = entry.split_once(REFUSED) {
            let mut reason = brief(reason);
            if let Some(said) = said.take().filter(|_| reason.contains("Wasm")) {
                reason = format!("{reason} ({said})");
            }
            reasons.retain(|other| *other != reason);
            reasons.push(reason);
        }
    }
    reasons.split_off(reasons.len().saturating_sub(most))
}

fn tail(log: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut text = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// An entry begins with the time in brackets, and ends where the next one begins.
fn entries(log: &str) -> impl Iterator<Item = &str> {
    let mut rest = log;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.match_indices("\n[").map(|(at, _)| at + 1);
        let end = end.into_iter().find(|at| begins(rest.get(*at..)));
        let (entry, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(entry)
    })
}

/// An entry begins with `[2026-11-22 00:19:41.283][...`. A rejected configuration has lines of its own that begin with a bracket.
fn begins(text: Option<&str>) -> bool {
    let year = text.and_then(|text| text.get(1..6)).unwrap_or_default();
    year.ends_with('-') && year.bytes().take(4).all(|byte| byte.is_ascii_digit())
}

/// Only the reason: Envoy prints the whole rejected configuration before it.
fn brief(reason: &str) -> String {
    let lines = reason
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.collect();
    let whole = match lines.as_slice() {
        [.., last] if last.starts_with(": ") => last.trim_start_matches(": ").to_owned(),
        lines => lines.join(" ").replace("goo.gle/debugonly", ""),
    };
    let whole = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    if whole.chars().count() <= LONGEST_REASON {
        return whole;
    }
    // The cause is at the end.
    let skip = whole.chars().count() - LONGEST_REASON;
    format!("...{}", whole.chars().skip(skip).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[2026-11-22 00:19:09.295][24559][warning][main] [source/server/server.cc:1059] There is no configured limit.
[2026-11-22 00:19:41.283][24559][warning][config] [x.cc:81] Filesystem config update rejected: goo.gle/debugonly  
name: \"10.244.65.56_80\"
address {
[type.googleapis.com/envoy.Thing] {
}
: Proto constraint validation failed (PortValue: value must be less than or equal to 65535)
[2026-11-22 00:19:41.285][24559][warning][config] [x.cc:81] Filesystem config update rejected: Invalid duration: Expected positive duration: goo.gle/debugonly  
seconds: -1

[2026-11-22 00:19:41.285][24559][warning][config] [x.cc:81] Filesystem config update rejected: Duplicate entry of domain a in route 80
[2026-11-22 00:19:41.292][24559][error][wasm] [context.cc:1157] wasm log: payment-fault: pluginConfig: not JSON: line 1, column 10
[2026-11-22 00:19:41.292][24559][critical][wasm] [wasm.cc:479] Plugin configured to fail closed failed to load
[2026-11-22 00:19:41.292][24559][warning][config] [x.cc:81] Filesystem config update rejected: Unable to create Wasm plugin shop.payment-fault
[2026-11-22 00:19:42.285][24559][warning][config] [x.cc:81] Filesystem config update rejected: Duplicate entry of domain a in route 80
";

    #[test]
    fn a_log_says_why_each_was_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("envoy.log");
        std::fs::write(&log, LOG).expect("written");
        let all = [
            "Proto constraint validation failed (PortValue: value must be less than or equal to 65535)",
            "Invalid duration: Expected positive duration: seconds: -1",
            "Unable to create Wasm plugin shop.payment-fault (payment-fault: pluginConfig: not JSON: line 1, column 10)",
            "Duplicate entry of domain a in route 80",
        ];
        assert_eq!(reasons(&log, 9), all);
        assert_eq!(reasons(&log, 1), all[3..]);
        assert_eq!(reasons(&folder.path().join("none"), 9), [""; 0]);
    }

    #[test]
    fn a_long_reason_keeps_its_end() {
        let long = format!(": {}the end", "x".repeat(1000));
        let brief = brief(&long);
        assert!(
            brief.starts_with("...x") && brief.ends_with("the end"),
            "{brief}"
        );
        assert_eq!(brief.chars().count(), LONGEST_REASON + 3);
    }
}
