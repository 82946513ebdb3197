//! Checks that the programs and .wasm files of a test are built from the current sources. If a file is missing or stale, the test
//! fails, and the message has the build command. The test is never skipped.

use std::path::{Path, PathBuf};

use stoa_manifest::LoadOptions;

/// Describes why a built file is missing or stale, with the command that builds it again. `None` if the file is current. Without a
/// list of its sources, a file counts as stale.
pub(crate) fn build_problem(file: &Path, command: &str) -> Option<String> {
    let problem = stoa_manifest::build_problem(file)?;
    Some(format!("{} {problem}; run `{command}`", file.display()))
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

#[cfg(test)]
mod tests {
    use super::build_problem;

    #[test]
    fn the_message_about_a_file_that_is_not_current_has_the_build_command() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wasm");
        let problem = || build_problem(&file, "make wasm").unwrap_or_default();
        assert!(problem().ends_with("a.wasm is not built; run `make wasm`"));
        std::fs::write(&file, "").unwrap();
        assert!(problem().ends_with("has no list of its sources; run `make wasm`"));
    }
}
