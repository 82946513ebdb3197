//! Components whose .wasm file is missing, stale or damaged.

use std::fs::{File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use stoa_app_image::PackError;

use crate::small::{MANIFEST, folder, pack_in};

fn text(folder: &tempfile::TempDir) -> String {
    pack_in(folder).unwrap_err().to_string()
}

/// Sets the time of a file to `seconds` after the year 1970.
fn touch(file: &Path, seconds: u64) {
    let when = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(file)
        .unwrap();
    file.set_times(FileTimes::new().set_modified(when)).unwrap();
}

#[test]
fn a_missing_component_is_reported_with_its_file_and_its_build_command() {
    let build = "build = { command = [\"make notes\", \"make check\"] }\n";
    let folder = folder(&format!(
        "{MANIFEST}{build}[component.second]\nsource = \"second.wasm\"\n"
    ));
    std::fs::remove_file(folder.path().join("notes.wasm")).unwrap();
    let text = text(&folder);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "all missing files are reported: {text}");
    assert!(lines[0].starts_with("component notes: /"), "{text}");
    let end = "notes.wasm is not built; run `make notes && make check`";
    assert!(lines[0].ends_with(end), "{text}");
    let end = "second.wasm is not built; build the file, because the manifest has no build command";
    assert!(lines[1].ends_with(end), "{text}");
}

#[test]
fn a_stale_component_is_reported_with_the_newer_source() {
    let folder = folder(&format!(
        "{MANIFEST}build = {{ command = \"make notes\" }}\n"
    ));
    let at = |name: &str| folder.path().join(name);
    let list = format!(
        "{}: {}\n",
        at("notes.wasm").display(),
        at("lib.rs").display()
    );
    std::fs::write(at("notes.d"), list).unwrap();
    touch(&at("lib.rs"), 9);
    touch(&at("notes.wasm"), 10);
    assert!(pack_in(&folder).is_ok());
    touch(&at("lib.rs"), 11);
    let text = text(&folder);
    for words in [
        "component notes: ",
        "notes.wasm is older than ",
        "lib.rs; run `make notes`",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

#[test]
fn a_missing_file_of_a_dependency_is_reported() {
    let dependency = "[component.notes.dependencies]\n\"a:b/c@1.0.0\" = { path = \"c.wasm\" }\n";
    let text = text(&folder(&format!("{MANIFEST}{dependency}")));
    assert!(
        text.contains("component notes: ") && text.contains("c.wasm is not built"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_not_a_component_is_reported() {
    let folder = folder(MANIFEST);
    std::fs::write(folder.path().join("notes.wasm"), "text").unwrap();
    let error = pack_in(&folder).unwrap_err();
    assert!(matches!(error, PackError::Component(_)), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("component notes") && text.contains("notes.wasm"),
        "{text}"
    );
    assert!(text.contains("is not a WebAssembly component"), "{text}");
}

#[test]
fn a_dependency_that_does_not_fit_is_reported() {
    let dependency =
        "[component.notes.dependencies]\n\"a:b/c@1.0.0\" = { path = \"other.wasm\" }\n";
    let text = text(&folder(&format!("{MANIFEST}{dependency}")));
    assert!(text.contains("does not import a:b/c@1.0.0"), "{text}");
}
