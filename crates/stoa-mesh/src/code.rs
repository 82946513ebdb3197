//! The filters' code. An Envoy reads a .wasm file once, when its configuration names it; it reads changed code only under a new name.
//! So each Envoy gets a copy whose name contains a digest of the content. A rebuilt filter is then a new file, and a build in progress
//! never writes to a file that an Envoy may read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// Bytes of the digest that a file name contains.
const DIGEST_BYTES: usize = 8;

/// The .wasm file of each filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Code {
    /// The folder of the built files.
    built: PathBuf,
    /// The copies, by the name of the built file (`rate_limit.wasm`).
    copies: BTreeMap<String, PathBuf>,
}

/// Modification time and inode of each file.
pub(crate) type Stamps = BTreeMap<PathBuf, (SystemTime, u64)>;

impl Code {
    /// The files of a folder, without copies.
    pub(crate) fn built(folder: &Path) -> Self {
        Self {
            built: folder.to_owned(),
            copies: BTreeMap::new(),
        }
    }

    /// Copies the built files to another folder, unless they are there already. A file that is gone keeps its previous copy.
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

    /// The file for an Envoy's configuration. A filter that was not built keeps its name, and the Envoy reports the missing file.
    pub(crate) fn of(&self, file: &str) -> PathBuf {
        let copy = self.copies.get(file).cloned();
        copy.unwrap_or_else(|| self.built.join(file))
    }

    /// The names of the files whose copies differ from those in `other`.
    pub(crate) fn new_since(&self, other: &Self) -> Vec<String> {
        let copies = self.copies.iter();
        let new = copies.filter(|(name, copy)| other.copies.get(*name) != Some(*copy));
        new.map(|(name, _)| name.clone()).collect()
    }
}

/// The stamps of the built filters.
pub(crate) fn stamps(built: &Path) -> Stamps {
    stamped(wasm(built).unwrap_or_default())
}

/// The stamps of the files that exist.
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

        // An unchanged file is not new; neither is a removed one.
        write("two");
        assert_eq!(copied(&second), second);
        std::fs::remove_dir_all(&built).expect("removed");
        assert_eq!(copied(&second), second);
        assert_eq!(std::fs::read_dir(&to).expect("a folder").count(), 2);
    }
}
