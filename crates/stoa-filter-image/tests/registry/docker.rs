//! Docker's registry as a separate process. All its data are in a folder that is removed with it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// `ada` with the password `s3cret`, in htpasswd format.
const USERS: &str = "ada:$2y$04$pzru/NI9f1zfpqlhBW/l4ep6Rsy8SdIMObATDluScfCCAJDzdp7SW\n";

/// A registry on a free port of this machine.
pub(crate) struct Registry {
    process: Child,
    /// `127.0.0.1:` and the port.
    pub(crate) address: String,
    _folder: tempfile::TempDir,
}

impl Registry {
    /// A registry that lets everyone push.
    pub(crate) fn open() -> Self {
        Self::start("")
    }

    /// A registry that accepts only `ada`.
    pub(crate) fn with_password() -> Self {
        Self::start("auth: {htpasswd: {realm: registry, path: users}}\n")
    }

    fn start(auth: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: data}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n{auth}"
        );
        std::fs::write(folder.path().join("config.yml"), config).unwrap();
        std::fs::write(folder.path().join("users"), USERS).unwrap();
        let mut process = Command::new(program())
            .args(["serve", "config.yml"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();

        // The process logs its port. It continues to write lines, which must be read.
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (found, address) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("listening on ") {
                    let _ = found.send(rest.split(['"', ' ']).next().unwrap().to_owned());
                }
            }
        });
        let address = address.recv_timeout(Duration::from_secs(20));
        let registry = Self {
            process,
            address: address.clone().unwrap_or_default(),
            _folder: folder,
        };
        address.expect("docker-registry prints its address");
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> String {
    let finder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docker-registry");
    let output = Command::new(finder).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{}", said(&output.stderr));
    said(&output.stdout)
}
