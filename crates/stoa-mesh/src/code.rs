//! The filters' code. An Envoy reads a .wasm once, when its configuration names it, and takes only another name for another
//! file. So each is given to it as a copy with a name of its content's own: what is built again is another file, and a build
//! that is under way writes to none that an Envoy may read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// Of a digest, what a name has of it.
const DIGEST_BYTES: usize = 8;

/// Which file has the code of which filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Code {
    /// Where they were built.
    built: PathBuf,
    /// By the name of the built file, `rate_limit.wasm`.
    copies: BTreeMap<String, PathBuf>,
}

/// When each file was written, and which one it is.
pub(crate) type Stamps = BTreeMap<PathBuf, (SystemTime, u64)>;

impl Code {
    /// What lies in a folder, without copies.
    pub(crate) fn built(folder: &Path) -> Self {
        Self {
            built: folder.to_owned(),
            copies: BTreeMap::new(),
        }
    }

    /// Copies what lies in the one folder to the other, unless it is there already. What is gone there keeps the copy that it had before.
    pub(crate) fn copied(built: &Path, to: &Path, before: &Self) -> io::Result<Self> {
        let mut code = Self {
            copies: before.copies.clone(),
            ..Self::built(built)
        };
        for from in wasm(built)? {
            let (Some(stem), Some(name)) = (from.file_stem(), from.file_name()) else {
                continue;
            };
            let content = std::fs::read(&from)?;
            let digest = Sha256::digest(&content);
            let digest: String = digest
                .iter()
                .take(DIGEST_BYTES)
                .map(|b| format!("{b:02x}"))
                .collect();
            let copy = to.join(format!("{}-{digest}.wasm", stem.to_string_lossy()));
            if !copy.is_file() {
                let new = copy.with_extension("new");
                std::fs::create_dir_all(to)?;
                std::fs::write(&new, content)?;
                std::fs::rename(new, &copy)?;
            }
            code.copies
                .insert(name.to_string_lossy().into_owned(), copy);
        }
        Ok(code)
    }

    /// The file to give to an Envoy. One that was not built keeps its name, for the Envoy to complain of.
    pub(crate) fn of(&self, file: &str) -> PathBuf {
        let copy = self.copies.get(file).cloned();
        copy.unwrap_or_else(|| self.built.join(file))
    }

    /// Those that this has and another one has not, by name.
    pub(crate) fn new_since(&self, other: &Self) -> Vec<String> {
        let copies = self.copies.iter();
        let new = copies.filter(|(name, copy)| other.copies.get(*name) != Some(*copy));
        new.map(|(name, _)| name.clone()).collect()
    }
}

/// The filters that are there now, to be compared with later.
pub(crate) fn stamps(built: &Path) -> Stamps {
    stamped(wasm(built).unwrap_or_default())
}

/// Those of these files that are there.
pub(crate) fn stamped(files: Vec<PathBuf>) -> Stamps {
    use std::os::unix::fs::MetadataExt as _;
    let of = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, (metadata.modified().ok()?, metadata.ino())))
    };
    files.into_iter().filter_map(of).collect()
}

fn wasm(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths
        .filter(|path| path.extension().is_some_and(|e| e == "wasm"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_built_again_is_another_file_and_the_old_one_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let (built, to) = (folder.path().join("built"), folder.path().join("copies"));
        let copied = |before: &Code| Code::copied(&built, &to, before).expect("copied");
        let none = copied(&Code::default());
        assert_eq!(none.of("a.wasm"), built.join("a.wasm"));
        assert!(!to.exists() && stamps(&built).is_empty());

        let write = |text: &str| std::fs::write(built.join("a.wasm"), text).expect("written");
        let read = |code: &Code| std::fs::read_to_string(code.of("a.wasm")).expect("a file");
        std::fs::create_dir(&built).expect("a folder");
        write("one");
        std::fs::write(built.join("a.d"), "a.wasm: a.rs").expect("written");
        let first = copied(&none);
        assert_eq!(first.new_since(&none), ["a.wasm"]);
        assert_eq!(stamps(&built).len(), 1);

        write("two");
        let second = copied(&first);
        assert_eq!(second.new_since(&first), ["a.wasm"]);
        assert_eq!([read(&first), read(&second)], ["one", "two"]);

        // The same again is not new, and neither is one that is gone.
        write("two");
        assert_eq!(copied(&second), second);
        std::fs::remove_dir_all(&built).expect("removed");
        assert_eq!(copied(&second), second);
        assert_eq!(std::fs::read_dir(&to).expect("a folder").count(), 2);
    }
}
