//! Folders for a shop's data, and the lock for a mesh.

use std::fs::File;
use std::path::Path;

use tempfile::TempDir;

use crate::workspace;

/// Free bytes that a folder in memory needs: several shops at once, with the logs of their Envoys. Containers often have 64 MiB.
const MEMORY_NEEDED: u64 = 2 << 30;

/// A temporary folder, in memory if there is room: a shop waits for its disk at every commit, and no test cuts the power.
pub(super) fn temporary(on_disk: bool) -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("stoa-test-");
    let has_room = |folder: &Path| {
        rustix::fs::statvfs(folder).is_ok_and(|stat| stat.f_bavail * stat.f_frsize >= MEMORY_NEEDED)
    };
    let memory = Path::new("/dev/shm");
    match !on_disk && has_room(memory) {
        true => builder.tempdir_in(memory),
        false => builder.tempdir(),
    }
}

/// Takes the lock for a mesh, which all tests of this workspace on this machine share.
#[track_caller]
pub(super) fn turn() -> File {
    let path = workspace().join("target/mesh.lock");
    let file = File::create(&path).and_then(|file| file.lock().map(|()| file));
    match file {
        Ok(file) => file,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
