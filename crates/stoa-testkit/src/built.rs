//! Checks that the programs and .wasm files of a test are built from the current sources. If a file is missing or stale, the test
//! fails, and the message has the build command. The test is never skipped.
//!
//! Beside each built file, cargo writes a list of the source files (`NAME.d`). A built file is stale if a source file is newer, or
//! no longer exists. A built file is also stale if its list is missing, or if its list names another built file, because the folder
//! was copied.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use stoa_manifest::LoadOptions;

/// Describes why a built file is missing or stale, with the command that builds it again. `None` if the file is current.
pub(crate) fn build_problem(file: &Path, command: &str) -> Option<String> {
    let Some(built) = modified(file) else {
        return Some(format!("{} is not built; run `{command}`", file.display()));
    };
    let list = std::fs::read_to_string(file.with_extension("d")).unwrap_or_default();
    let (result, sources) = parse(&list);
    let canonical = |path: &Path| std::fs::canonicalize(path).ok();
    if canonical(&result) != canonical(file) {
        return Some(format!(
            "{} has no list of its sources; run `{command}`",
            file.display()
        ));
    }
    let newer = sources
        .iter()
        .find(|source| modified(source).is_none_or(|at| at > built))?;
    let reason = match newer.exists() {
        true => "is older than",
        false => "was built from a file that no longer exists,",
    };
    Some(format!(
        "{} {reason} {}; run `{command}`",
        file.display(),
        newer.display()
    ))
}

/// Calls [`build_problem`] for every component of a manifest. Ignores an invalid manifest, because `stoa up` reports its errors.
pub(crate) fn component_build_problems(manifest: &Path, options: &LoadOptions) -> Vec<String> {
    let Ok(app) = stoa_manifest::load(manifest, options) else {
        return Vec::new();
    };
    app.components
        .values()
        .filter_map(|component| build_problem(&component.source, "make wasm"))
        .collect()
}

/// The path of a filter's .wasm file. `name` is the package of the filter in this workspace.
///
/// # Panics
/// If the file is missing or stale.
#[track_caller]
pub fn filter(name: &str) -> PathBuf {
    let folder = crate::workspace().join("target/wasm32-wasip1/release");
    let file = folder.join(format!("{}.wasm", name.replace('-', "_")));
    match build_problem(&file, "make wasm") {
        Some(problem) => panic!("{problem}"),
        None => file,
    }
}

/// The path of the program stoa that `make build` builds.
///
/// # Panics
/// If the file is missing or stale.
#[track_caller]
pub fn program() -> PathBuf {
    let file = crate::workspace().join("target/native/stoa");
    match build_problem(&file, "make build") {
        Some(problem) => panic!("{problem}"),
        None => file,
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .ok()
}

/// Parses cargo's list `result: source source`. In the list, a space that belongs to a path is written as `\ `.
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

    use super::{build_problem, parse};

    #[test]
    fn the_list_of_sources_that_cargo_writes_is_parsed() {
        let (result, sources) = parse("/t/my\\ a.wasm: /s/lib.rs /s/my\\ file.rs\n");
        assert_eq!(result, std::path::Path::new("/t/my a.wasm"));
        assert_eq!(
            sources,
            ["/s/lib.rs", "/s/my file.rs"].map(std::path::PathBuf::from)
        );
        assert_eq!(parse(""), Default::default());
    }

    #[test]
    fn the_message_about_a_missing_or_stale_file_has_the_build_command() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let problem = || build_problem(&at("a.wasm"), "make wasm").unwrap_or_default();
        assert!(problem().ends_with("is not built; run `make wasm`"));
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
        assert!(problem().contains("list of its sources; run"), "no list");
        list("b.wasm");
        assert!(
            problem().contains("list of its sources; run"),
            "the list of another file"
        );
        list("a.wasm");
        assert_eq!(problem(), "");
        make("lib.rs", 11);
        assert!(problem().contains("is older than"));
        std::fs::remove_file(at("lib.rs")).unwrap();
        assert!(problem().contains("no longer exists"));
    }
}
