//! The cache of compiled code on disk.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::support::Setup;

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "hello"
[component.hello]
source = "{guest-hello}"
"#;

/// Starts the app with `cache` as the folder for compiled code, and asserts that the app answers.
fn assert_app_answers(cache: &Path) {
    let mut setup = Setup::new(MANIFEST);
    setup.cache = Some(cache.to_owned());
    assert_eq!(setup.start().get("/").text(), "hello");
}

/// The only file with `extension` in the cache.
fn cached_file(cache: &Path, extension: &str) -> PathBuf {
    let mut found = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension));
    let file = found.next().unwrap();
    assert_eq!(
        found.next(),
        None,
        "the cache has more than one .{extension} file"
    );
    file
}

/// Replaces the file, and does not write into the old file, because the old file may still be memory-mapped.
fn replace(code: &Path, bytes: &[u8]) {
    fs::remove_file(code).unwrap();
    fs::write(code, bytes).unwrap();
}

#[test]
fn a_warm_start_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    assert_app_answers(&cache);
    let written = fs::metadata(cached_file(&cache, "cwasm"))
        .unwrap()
        .modified()
        .unwrap();
    let begun = Instant::now();
    assert_app_answers(&cache);
    let took = begun.elapsed();
    assert_eq!(
        fs::metadata(cached_file(&cache, "cwasm"))
            .unwrap()
            .modified()
            .unwrap(),
        written
    );
    assert!(took.as_millis() < 2_000, "{took:?}");
}

#[test]
fn a_damaged_or_foreign_file_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path();
    assert_app_answers(cache);
    let code = cached_file(cache, "cwasm");
    let sound = fs::read(&code).unwrap();

    // First, the cached code has one flipped bit.
    let mut damaged = sound.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    replace(&code, &damaged);
    assert_app_answers(cache);
    assert_eq!(fs::read(&code).unwrap(), sound);

    // Truncated code.
    replace(&code, &sound[..sound.len() / 3]);
    assert_app_answers(cache);
    assert_eq!(fs::read(&code).unwrap(), sound);

    // This file is not compiled code, and it has no digest.
    replace(&code, b"\x7fELF and so on");
    fs::remove_file(code.with_extension("blake3")).unwrap();
    assert_app_answers(cache);
    assert_eq!(fs::read(&code).unwrap(), sound);
}

#[test]
fn an_app_runs_without_a_cache() {
    let mut setup = Setup::new(MANIFEST);
    setup.cache = None;
    assert_eq!(setup.start().get("/").text(), "hello");
}
