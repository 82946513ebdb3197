//! Checks that the programs and .wasm files of a test are built from the current sources.
//!
//! Beside each result, cargo writes a list of the source files (`NAME.d`). A result older than one of them is stale. It is also
//! stale if the list is missing, belongs to another result (the folder was copied), or names a file that no longer exists. Such
//! a test never skips: it fails, and names the command.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use stoa_manifest::LoadOptions;

/// The fault of a built file, with the command that rebuilds it; `None` if there is no fault.
pub(crate) fn fault(file: &Path, command: &str) -> Option<String> {
    let Some(built) = modified(file) else {
        return Some(format!("{} is not built: run `{command}`", file.display()));
    };
    let list = std::fs::read_to_string(file.with_extension("d")).unwrap_or_default();
    let (result, sources) = parse(&list);
    let place = |path: &Path| std::fs::canonicalize(path).ok();
    if place(&result) != place(file) {
        return Some(format!(
            "no file beside {} lists its sources: run `{command}`",
            file.display()
        ));
    }
    let newer = sources
        .iter()
        .find(|source| modified(source).is_none_or(|at| at > built))?;
    let than = match newer.exists() {
        true => "is older than",
        false => "was made of a file that is gone,",
    };
    Some(format!(
        "{} {than} {}: run `{command}`",
        file.display(),
        newer.display()
    ))
}

/// As [`fault`], for every component of a manifest. An invalid manifest is left for `stoa up` to report.
pub(crate) fn faults_of(manifest: &Path, options: &LoadOptions) -> Vec<String> {
    let Ok(app) = stoa_manifest::load(manifest, options) else {
        return Vec::new();
    };
    app.components
        .values()
        .filter_map(|component| fault(&component.source, "make wasm"))
        .collect()
}

/// The .wasm of one of this workspace's Envoy filters, by its package's name.
///
/// # Panics
/// If it is missing or older than its sources.
#[track_caller]
pub fn filter(name: &str) -> PathBuf {
    let folder = crate::workspace().join("target/wasm32-wasip1/release");
    let file = folder.join(format!("{}.wasm", name.replace('-', "_")));
    match fault(&file, "make wasm") {
        Some(fault) => panic!("{fault}"),
        None => file,
    }
}

/// The program that `make build` builds.
///
/// # Panics
/// If it is missing or older than its sources.
#[track_caller]
pub fn program() -> PathBuf {
    let file = crate::workspace().join("target/native/stoa");
    match fault(&file, "make build") {
        Some(fault) => panic!("{fault}"),
        None => file,
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .ok()
}

/// Reads `result: source source`, where a space in a name is written `\ `.
fn parse(list: &str) -> (PathBuf, Vec<PathBuf>) {
    let first = list.lines().next().unwrap_or_default();
    let first = first.replace("\\ ", "\0");
    let (result, sources) = first.split_once(": ").unwrap_or_default();
    let path = |text: &str| PathBuf::from(text.replace('\0', " "));
    (path(result), sources.split_whitespace().map(path).collect())
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};

    use super::{fault, parse};

    #[test]
    fn reads_the_list_of_sources_that_cargo_writes() {
        let (result, sources) = parse("/t/my\\ a.wasm: /s/lib.rs /s/my\\ file.rs\n");
        assert_eq!(result, std::path::Path::new("/t/my a.wasm"));
        assert_eq!(
            sources,
            ["/s/lib.rs", "/s/my file.rs"].map(std::path::PathBuf::from)
        );
        assert_eq!(parse(""), Default::default());
    }

    #[test]
    fn a_missing_or_stale_result_is_a_fault_that_names_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let found = || fault(&at("a.wasm"), "make wasm").unwrap_or_default();
        assert!(found().ends_with("is not built: run `make wasm`"));
        let make = |name: &str, seconds| {
            let file = File::create(at(name)).unwrap();
            let when = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            file.set_times(FileTimes::new().set_modified(when)).unwrap();
        };
        let list = |result: &str| {
            let list = format!("{}: {}\n", at(result).display(), at("lib.rs").display());
            std::fs::write(at("a.d"), list).unwrap();
        };
        make("a.wasm", 10);
        make("lib.rs", 9);
        assert!(found().contains("lists its sources: run"), "no list");
        list("b.wasm");
        assert!(found().contains("lists its sources: run"), "another's list");
        list("a.wasm");
        assert_eq!(found(), "");
        make("lib.rs", 11);
        assert!(found().contains("is older than"));
        std::fs::remove_file(at("lib.rs")).unwrap();
        assert!(found().contains("is gone"));
    }
}
