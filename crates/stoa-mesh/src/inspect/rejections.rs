//! Finds the reasons why an Envoy rejected configuration. In this mesh, Envoys read their configuration from files. For a rejected
//! file, only the Envoy's log contains the reason.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The text that Envoy logs before the reason why it rejected a configuration.
const REJECTION_PREFIX: &str = "Filesystem config update rejected: ";
/// The text that Envoy logs before a filter's own message.
const FILTER_LOG_PREFIX: &str = "wasm log: ";
/// Number of bytes that are read from the end of a log. The number is large, because one log entry may contain a whole listener.
const TAIL_BYTES: u64 = 1 << 20;
/// Maximum length of a shown reason, in characters. A longer reason is shortened.
const LONGEST_REASON: usize = 400;

/// The reasons for rejected configuration in an Envoy's log: at most `limit` reasons, the newest last. Equal reasons count once.
pub(super) fn rejection_reasons(log: &Path, limit: usize) -> Vec<String> {
    let text = tail(log).unwrap_or_default();
    let mut reasons: Vec<String> = Vec::new();
    let mut filter_message = None;
    for entry in entries(&text) {
        if let Some((_, message)) = entry.split_once(FILTER_LOG_PREFIX) {
            filter_message = Some(message.trim());
        } else if let Some((_, reason)) = entry.split_once(REJECTION_PREFIX) {
            let mut reason = shortened(reason);
            let message = filter_message.take();
            if let Some(message) = message.filter(|_| reason.contains("Wasm")) {
                reason = format!("{reason} ({message})");
            }
            reasons.retain(|other| *other != reason);
            reasons.push(reason);
        }
    }
    reasons.split_off(reasons.len().saturating_sub(limit))
}

fn tail(log: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut text = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The entries of a log. An entry begins with the time in brackets, and ends where the next entry begins.
fn entries(log: &str) -> impl Iterator<Item = &str> {
    let mut rest = log;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.match_indices("\n[").map(|(at, _)| at + 1);
        let end = end.into_iter().find(|at| begins_entry(rest.get(*at..)));
        let (entry, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(entry)
    })
}

/// True if a text begins with a time, as a log entry does: `[2026-11-22 00:19:41.283][...`. A bracket without a time does not begin
/// an entry, because an entry may quote a rejected configuration whose lines begin with a bracket.
fn begins_entry(text: Option<&str>) -> bool {
    let year = text.and_then(|text| text.get(1..6)).unwrap_or_default();
    year.ends_with('-') && year.bytes().take(4).all(|byte| byte.is_ascii_digit())
}

/// The reason for a rejected configuration, as one line of limited length. The text of the configuration, which Envoy logs before
/// the reason, is removed.
fn shortened(reason: &str) -> String {
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
    // The cause is at the end of a reason, so a long reason is cut at its beginning.
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
[2026-11-22 00:19:41.292][24559][error][wasm] [context.cc:1157] wasm log: payment-fault: pluginConfig: not JSON at line 1, column 10
[2026-11-22 00:19:41.292][24559][critical][wasm] [wasm.cc:479] Plugin configured to fail closed failed to load
[2026-11-22 00:19:41.292][24559][warning][config] [x.cc:81] Filesystem config update rejected: Unable to create Wasm plugin shop.payment-fault
[2026-11-22 00:19:42.285][24559][warning][config] [x.cc:81] Filesystem config update rejected: Duplicate entry of domain a in route 80
";

    #[test]
    fn the_reasons_for_rejections_are_read_from_the_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("envoy.log");
        std::fs::write(&log, LOG).expect("written");
        let all = [
            "Proto constraint validation failed (PortValue: value must be less than or equal to 65535)",
            "Invalid duration: Expected positive duration: seconds: -1",
            "Unable to create Wasm plugin shop.payment-fault (payment-fault: pluginConfig: not JSON at line 1, column 10)",
            "Duplicate entry of domain a in route 80",
        ];
        assert_eq!(rejection_reasons(&log, 9), all);
        assert_eq!(rejection_reasons(&log, 1), all[3..]);
        assert_eq!(rejection_reasons(&folder.path().join("none"), 9), [""; 0]);
    }

    #[test]
    fn a_long_reason_keeps_its_end() {
        let long = format!(": {}the end", "x".repeat(1000));
        let short = shortened(&long);
        assert!(
            short.starts_with("...x") && short.ends_with("the end"),
            "{short}"
        );
        assert_eq!(short.chars().count(), LONGEST_REASON + 3);
    }
}
