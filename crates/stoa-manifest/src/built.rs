//! Checks whether a built file is current.
//!
//! Beside each built file, cargo writes a list of the source files (`NAME.d`). A built file is stale if a source file is newer, or
//! no longer exists.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Why a built file is not current. `Display` continues a sentence that begins with the name of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildProblem {
    /// The file does not exist.
    Missing,
    /// There is no list of the file's sources, or the list names another built file because the folder was copied. So nothing is
    /// known about the age of the file.
    Unlisted,
    /// The file is older than this source file.
    OlderThan(PathBuf),
    /// The file was built from this source file, which no longer exists.
    SourceRemoved(PathBuf),
}

impl fmt::Display for BuildProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is not built"),
            Self::Unlisted => f.write_str("has no list of its sources"),
            Self::OlderThan(source) => write!(f, "is older than {}", source.display()),
            Self::SourceRemoved(source) => {
                let source = source.display();
                write!(f, "was built from a file that no longer exists, {source}")
            }
        }
    }
}

/// Why the built file is not current; `None` if it is current.
pub fn build_problem(file: &Path) -> Option<BuildProblem> {
    let Some(built) = modified(file) else {
        return Some(BuildProblem::Missing);
    };
    let list = std::fs::read_to_string(file.with_extension("d")).unwrap_or_default();
    let (result, sources) = parse(&list);
    let canonical = |path: &Path| std::fs::canonicalize(path).ok();
    if canonical(&result) != canonical(file) {
        return Some(BuildProblem::Unlisted);
    }
    sources
        .into_iter()
        .find_map(|source| match modified(&source) {
            Some(at) if at > built => Some(BuildProblem::OlderThan(source)),
            Some(_) => None,
            None => Some(BuildProblem::SourceRemoved(source)),
        })
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

    use super::{BuildProblem, build_problem, parse};

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
    fn a_file_is_current_if_no_listed_source_is_newer_or_missing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let problem = || build_problem(&at("a.wasm"));
        assert_eq!(problem(), Some(BuildProblem::Missing));
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
        assert_eq!(problem(), Some(BuildProblem::Unlisted), "no list");
        list("b.wasm");
        let other = Some(BuildProblem::Unlisted);
        assert_eq!(problem(), other, "the list of another file");
        list("a.wasm");
        assert_eq!(problem(), None);
        make("lib.rs", 11);
        assert_eq!(problem(), Some(BuildProblem::OlderThan(at("lib.rs"))));
        std::fs::remove_file(at("lib.rs")).unwrap();
        assert_eq!(problem(), Some(BuildProblem::SourceRemoved(at("lib.rs"))));
    }
}
