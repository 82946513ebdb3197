//! The temporary folder for a shop's data, and the lock for a mesh.

use std::fs::File;
use std::path::Path;

use tempfile::TempDir;

use crate::workspace;

/// Free space that a folder in memory must have, in bytes. This space is enough for several shops at the same time, and for the
/// logs of their Envoys. The check is necessary, because the `/dev/shm` of a container often has only 64 MiB.
const MEMORY_NEEDED: u64 = 2 << 30;

/// Creates a temporary folder. The folder is in memory if there is enough space, because a shop waits for its disk at every commit,
/// and no test needs data to survive a power failure.
pub(super) fn temporary(on_disk: bool) -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("stoa-test-");
    let has_space = |folder: &Path| {
        rustix::fs::statvfs(folder).is_ok_and(|stat| stat.f_bavail * stat.f_frsize >= MEMORY_NEEDED)
    };
    let memory = Path::new("/dev/shm");
    match !on_disk && has_space(memory) {
        true => builder.tempdir_in(memory),
        false => builder.tempdir(),
    }
}

/// Waits until no other test runs a mesh, and takes the lock for a mesh. All tests of this workspace on this machine share this
/// lock.
#[track_caller]
pub(super) fn lock_mesh() -> File {
    let path = workspace().join("target/mesh.lock");
    let file = File::create(&path).and_then(|file| file.lock().map(|()| file));
    match file {
        Ok(file) => file,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
