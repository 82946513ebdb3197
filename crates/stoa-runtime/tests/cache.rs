//! Compiled code on disk.
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

fn answers(cache: &Path) {
    let mut setup = Setup::new(MANIFEST);
    setup.cache = Some(cache.to_owned());
    assert_eq!(setup.start().get("/").text(), "hello");
}

fn file(cache: &Path, extension: &str) -> PathBuf {
    let mut found = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension));
    let file = found.next().unwrap();
    assert_eq!(found.next(), None, "more than one {extension}");
    file
}

/// Replaces the file instead of changing it: the old one may still be memory-mapped.
fn put(code: &Path, bytes: &[u8]) {
    fs::remove_file(code).unwrap();
    fs::write(code, bytes).unwrap();
}

#[test]
fn a_warm_start_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    answers(&cache);
    let written = fs::metadata(file(&cache, "cwasm"))
        .unwrap()
        .modified()
        .unwrap();
    let begun = Instant::now();
    answers(&cache);
    let took = begun.elapsed();
    assert_eq!(
        fs::metadata(file(&cache, "cwasm"))
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
    answers(cache);
    let code = file(cache, "cwasm");
    let sound = fs::read(&code).unwrap();

    // One flipped bit in the code.
    let mut damaged = sound.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    put(&code, &damaged);
    answers(cache);
    assert_eq!(fs::read(&code).unwrap(), sound);

    // Truncated.
    put(&code, &sound[..sound.len() / 3]);
    answers(cache);
    assert_eq!(fs::read(&code).unwrap(), sound);

    // An unrelated file, without a digest.
    put(&code, b"\x7fELF and so on");
    fs::remove_file(code.with_extension("blake3")).unwrap();
    answers(cache);
    assert_eq!(fs::read(&code).unwrap(), sound);
}

#[test]
fn works_without_a_cache() {
    let mut setup = Setup::new(MANIFEST);
    setup.cache = None;
    assert_eq!(setup.start().get("/").text(), "hello");
}
