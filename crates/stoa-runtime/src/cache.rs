//! The cache of compiled code on disk. The name of a cached file is a hash of all inputs of the compilation. A second file contains
//! the digest of the code, and the runtime loads the code only if the code has this digest. So the runtime never runs a truncated,
//! changed or foreign file; instead, it compiles the component again.
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Engine;
use wasmtime::component::Component;

/// The extension of the file that contains the digest of the code.
const DIGEST_EXTENSION: &str = "blake3";

/// The source code that composes a component from its files, and that decides which imports of a dependency are denied. This source
/// code is one of the inputs of the hash in a cached file's name. So after this code has changed, components that the earlier code
/// composed are not used.
const COMPOSER_SOURCES: [&str; 4] = [
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

/// Hashes the bytes of a [`Hash`] value with BLAKE3. Each start hashes all compiled code; with SHA-256 this took a third of the CPU
/// time of a warm start.
struct Blake3Hasher(blake3::Hasher);

impl Hasher for Blake3Hasher {
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
        let mut hash = Blake3Hasher(blake3::Hasher::new());
        // This hash covers wasmtime's version, the target, and every setting that affects the compiled code.
        engine.precompile_compatibility_hash().hash(&mut hash);
        for source in COMPOSER_SOURCES {
            hash.0.update(source.as_bytes());
        }
        Ok(Self {
            folder: folder.to_owned(),
            engine: hash.0.finalize().to_string(),
        })
    }

    /// The cached component that was compiled from the same `input`; None if the cache does not contain a valid file for it.
    pub(crate) fn load(&self, engine: &Engine, input: &str) -> Option<Component> {
        let code = self.path(input);
        let expected = fs::read_to_string(code.with_extension(DIGEST_EXTENSION)).ok()?;
        let mut actual = blake3::Hasher::new();
        // The file is memory-mapped here and when the code is loaded, so the file's bytes are not copied.
        actual.update_mmap(&code).ok()?;
        if expected.trim() != actual.finalize().to_string() {
            tracing::warn!(file = %code.display(), "compiled code does not match its digest; compiling the component again");
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "wasmtime runs the code in the file. The digest of the code was just checked, the file's name depends on \
                      this engine's version and settings, and only this user can write to the folder"
        )]
        let component = unsafe { Component::deserialize_file(engine, &code) };
        component
            .inspect_err(|error| tracing::warn!(file = %code.display(), %error, "cannot load the compiled code"))
            .ok()
    }

    /// Stores `component`, and loads the stored file. The loaded code is memory-mapped from the file and takes no heap.
    pub(crate) fn store(
        &self,
        engine: &Engine,
        input: &str,
        component: &Component,
    ) -> Option<Component> {
        let written = component
            .serialize()
            .map_err(std::io::Error::other)
            .and_then(|code| {
                let path = self.path(input);
                // The digest is written last, because code without a digest counts as absent.
                let digest = digest(&code);
                write_by_rename(&path, &code)?;
                write_by_rename(&path.with_extension(DIGEST_EXTENSION), digest.as_bytes())
            });
        if let Err(error) = written {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot store the compiled code; the next start compiles the component again");
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
    static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);
    let unique = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
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
