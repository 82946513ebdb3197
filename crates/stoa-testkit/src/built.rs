//! Whether what a test runs was built, and from the sources as they are now.
//!
//! cargo writes beside each result a list of the files it was made from (`NAME.d`); a result older than one of them is
//! stale. A test never skips for that: it fails, and names the command.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use stoa_manifest::LoadOptions;

/// What is wrong with a built file, and the command that makes it anew; `None` if nothing.
pub(crate) fn fault(file: &Path, command: &str) -> Option<String> {
    let Some(built) = modified(file) else {
        return Some(format!("{} is not built: run `{command}`", file.display()));
    };
    let sources = std::fs::read_to_string(file.with_extension("d")).unwrap_or_default();
    let newer =
        sources_of(&sources).find(|source| modified(source).is_some_and(|at| at > built))?;
    Some(format!(
        "{} is older than {}: run `{command}`",
        file.display(),
        newer.display()
    ))
}

/// As [`fault`], for every component of a manifest. A manifest at fault is for `stoa up` to report.
pub(crate) fn faults_of(manifest: &Path, options: &LoadOptions) -> Vec<String> {
    let Ok(app) = stoa_manifest::load(manifest, options) else {
        return Vec::new();
    };
    app.components
        .values()
        .filter_map(|component| fault(&component.source, "make wasm"))
        .collect()
}

fn modified(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .ok()
}

/// Reads `result: source source`, where a space in a name is written `\ `.
fn sources_of(text: &str) -> impl Iterator<Item = PathBuf> {
    let sources = text.split_once(": ").map_or("", |(_, sources)| sources);
    let sources = sources
        .lines()
        .next()
        .unwrap_or_default()
        .replace("\\ ", "\0");
    let sources: Vec<_> = sources
        .split_whitespace()
        .map(|source| PathBuf::from(source.replace('\0', " ")))
        .collect();
    sources.into_iter()
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};

    use super::{fault, sources_of};

    #[test]
    fn reads_the_list_of_sources_that_cargo_writes() {
        let sources: Vec<_> = sources_of("/t/a.wasm: /s/lib.rs /s/my\\ file.rs\n").collect();
        assert_eq!(
            sources,
            ["/s/lib.rs", "/s/my file.rs"].map(std::path::PathBuf::from)
        );
        assert_eq!(sources_of("").count(), 0);
    }

    #[test]
    fn a_missing_or_stale_result_is_a_fault_that_names_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(
            fault(&at("a.wasm"), "make wasm")
                .unwrap()
                .ends_with("is not built: run `make wasm`")
        );
        let make = |name: &str, seconds| {
            let file = File::create(at(name)).unwrap();
            let when = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            file.set_times(FileTimes::new().set_modified(when)).unwrap();
        };
        make("a.wasm", 10);
        make("lib.rs", 9);
        std::fs::write(
            at("a.d"),
            format!("{}: {}\n", at("a.wasm").display(), at("lib.rs").display()),
        )
        .unwrap();
        assert_eq!(fault(&at("a.wasm"), "make wasm"), None);
        make("lib.rs", 11);
        assert!(
            fault(&at("a.wasm"), "make wasm")
                .unwrap()
                .contains("is older than")
        );
    }
}
