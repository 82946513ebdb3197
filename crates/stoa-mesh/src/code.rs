//! Copies the code of the filters for the Envoys. An Envoy reads a .wasm file only once, when the Envoy's configuration first names
//! the file. So changed code needs a new file name. Therefore the Envoys read copies of the built filters, and the name of each
//! copy contains a digest of its content. The copies have a second advantage: a build never writes to a file that an Envoy reads at
//! that moment.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// Number of bytes of the digest in a copy's file name.
const DIGEST_BYTES: usize = 8;

/// Finds the .wasm file of each filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FilterCode {
    /// The folder in which the build writes the .wasm files.
    built: PathBuf,
    /// The path of each copy, by the name of the built file (`rate_limit.wasm`).
    copies: BTreeMap<String, PathBuf>,
}

/// Modification time and inode of each file. If a file is changed or replaced, at least one of these two values changes.
pub(crate) type Stamps = BTreeMap<PathBuf, (SystemTime, u64)>;

impl FilterCode {
    /// Uses the built files in `folder` directly, without copies.
    pub(crate) fn without_copies(folder: &Path) -> Self {
        Self {
            built: folder.to_owned(),
            copies: BTreeMap::new(),
        }
    }

    /// Copies each .wasm file in the folder `built` to the folder `to`, unless `to` already contains a copy of the same content. If
    /// a built file was removed, the copy that `previous` lists for it stays in use.
    pub(crate) fn copied(built: &Path, to: &Path, previous: &Self) -> io::Result<Self> {
        let mut code = Self {
            copies: previous.copies.clone(),
            ..Self::without_copies(built)
        };
        for from in wasm_files(built)? {
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

    /// The path of a filter's code, for an Envoy's configuration. If the filter was not built, this is the path of the missing
    /// file. The Envoy then reports that path in its log.
    pub(crate) fn path_of(&self, file: &str) -> PathBuf {
        let copy = self.copies.get(file).cloned();
        copy.unwrap_or_else(|| self.built.join(file))
    }

    /// The names of the built files whose copies differ from the copies in `earlier`.
    pub(crate) fn new_since(&self, earlier: &Self) -> Vec<String> {
        let copies = self.copies.iter();
        let new = copies.filter(|(name, copy)| earlier.copies.get(*name) != Some(*copy));
        new.map(|(name, _)| name.clone()).collect()
    }
}

/// The modification times and inodes of the built filters.
pub(crate) fn filter_stamps(built: &Path) -> Stamps {
    file_stamps(wasm_files(built).unwrap_or_default())
}

/// The modification times and inodes of `files`. Files that do not exist are left out.
pub(crate) fn file_stamps(files: Vec<PathBuf>) -> Stamps {
    use std::os::unix::fs::MetadataExt as _;
    let stamp = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, (metadata.modified().ok()?, metadata.ino())))
    };
    files.into_iter().filter_map(stamp).collect()
}

fn wasm_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
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
    fn a_rebuilt_filter_becomes_a_new_file_and_the_previous_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let (built, to) = (folder.path().join("built"), folder.path().join("copies"));
        let copied =
            |previous: &FilterCode| FilterCode::copied(&built, &to, previous).expect("copied");
        let none = copied(&FilterCode::default());
        assert_eq!(none.path_of("a.wasm"), built.join("a.wasm"));
        assert!(!to.exists() && filter_stamps(&built).is_empty());

        let write = |text: &str| std::fs::write(built.join("a.wasm"), text).expect("written");
        let read =
            |code: &FilterCode| std::fs::read_to_string(code.path_of("a.wasm")).expect("a file");
        std::fs::create_dir(&built).expect("a folder");
        write("one");
        std::fs::write(built.join("a.d"), "a.wasm: a.rs").expect("written");
        let first = copied(&none);
        assert_eq!(first.new_since(&none), ["a.wasm"]);
        assert_eq!(filter_stamps(&built).len(), 1);

        write("two");
        let second = copied(&first);
        assert_eq!(second.new_since(&first), ["a.wasm"]);
        assert_eq!([read(&first), read(&second)], ["one", "two"]);

        // If a file is unchanged or removed, its copy stays in use.
        write("two");
        assert_eq!(copied(&second), second);
        std::fs::remove_dir_all(&built).expect("removed");
        assert_eq!(copied(&second), second);
        assert_eq!(std::fs::read_dir(&to).expect("a folder").count(), 2);
    }
}
