//! Compiled code on disk. A file's name is a hash of everything that it was made from. It is loaded only if its digest, in a file
//! beside it, matches: a truncated, changed or foreign file is compiled again, never run.
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Engine;
use wasmtime::component::Component;

/// The extension of the file beside the code.
const DIGEST: &str = "blake3";

/// Sources of the code that builds a component from its files before compilation, and that decides what a dependency may import.
/// They are part of the file's name: a release with another composer must not run components that an earlier release composed.
const COMPOSER: [&str; 4] = [
    include_str!("component.rs"),
    include_str!("compose.rs"),
    include_str!("host.rs"),
    include_str!("host/denied.rs"),
];

/// The folder of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    engine: String,
}

/// Feeds a [`Hash`] value's bytes to BLAKE3. All compiled code is hashed at each start: with SHA-256 that took a third of the CPU
/// time of a warm start.
struct Bytes(blake3::Hasher);

impl Hasher for Bytes {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl Cache {
    pub(crate) fn open(folder: &Path, engine: &Engine) -> std::io::Result<Self> {
        create_private(folder)?;
        let mut hash = Bytes(blake3::Hasher::new());
        // Covers wasmtime's version, the target and every setting that affects code.
        engine.precompile_compatibility_hash().hash(&mut hash);
        for source in COMPOSER {
            hash.0.update(source.as_bytes());
        }
        Ok(Self {
            folder: folder.to_owned(),
            engine: hash.0.finalize().to_string(),
        })
    }

    /// A component compiled earlier from the same `input`; None if there is no valid one.
    pub(crate) fn load(&self, engine: &Engine, input: &str) -> Option<Component> {
        let code = self.path(input);
        let expected = fs::read_to_string(code.with_extension(DIGEST)).ok()?;
        let mut actual = blake3::Hasher::new();
        // Memory-mapped, as below when the code is loaded: nothing is copied.
        actual.update_mmap(&code).ok()?;
        if expected.trim() != actual.finalize().to_string() {
            tracing::warn!(file = %code.display(), "compiled code does not have its digest; compiling again");
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "running the file's code; its digest was just checked, its name binds it to this engine's version \
                      and settings, and the folder is writable by this user only"
        )]
        let component = unsafe { Component::deserialize_file(engine, &code) };
        component
            .inspect_err(|error| tracing::warn!(file = %code.display(), %error, "compiled code does not load"))
            .ok()
    }

    /// Stores `component` and loads it back from the file. Its code is then mapped from the file and takes no heap.
    pub(crate) fn store(
        &self,
        engine: &Engine,
        input: &str,
        component: &Component,
    ) -> Option<Component> {
        let kept = component
            .serialize()
            .map_err(std::io::Error::other)
            .and_then(|code| {
                let path = self.path(input);
                // The digest is written last: without it the code counts as absent.
                let digest = digest(&code);
                write_by_rename(&path, &code)?;
                write_by_rename(&path.with_extension(DIGEST), digest.as_bytes())
            });
        if let Err(error) = kept {
            tracing::warn!(folder = %self.folder.display(), %error, "compiled code was not kept");
            return None;
        }
        self.load(engine, input)
    }

    fn path(&self, input: &str) -> PathBuf {
        let name = digest(format!("{}{input}", self.engine).as_bytes());
        self.folder.join(format!("{name}.cwasm"))
    }
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write_by_rename(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{unique}.tmp", std::process::id()));
    let written = fs::File::create_new(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The BLAKE3 hash of `bytes`, in hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_string()
}
