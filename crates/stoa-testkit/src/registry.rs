//! Starts Docker's registry as a separate process. Its data are in a temporary folder, which is removed at the end.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure of the fixture must fail the test that uses it"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The user `ada` with the password `s3cret`, in htpasswd format.
const USERS: &str = "ada:$2y$04$pzru/NI9f1zfpqlhBW/l4ep6Rsy8SdIMObATDluScfCCAJDzdp7SW\n";

/// A running registry on a free port of this machine.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    /// The address: `127.0.0.1:` and the port.
    pub address: String,
    _folder: tempfile::TempDir,
}

impl Registry {
    /// Starts a registry that permits every caller to push.
    ///
    /// # Panics
    /// If docker-registry is not installed or does not start.
    pub fn open() -> Self {
        Self::start("")
    }

    /// Starts a registry that accepts only the user `ada` with the password `s3cret`.
    ///
    /// # Panics
    /// If docker-registry is not installed or does not start.
    pub fn with_password() -> Self {
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

        // This thread finds the registry's port in the registry's log. The thread also reads all later lines, so that the registry
        // does not block on a full pipe.
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (address_sender, address) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("listening on ") {
                    let _ = address_sender.send(rest.split(['"', ' ']).next().unwrap().to_owned());
                }
            }
        });
        let address = address.recv_timeout(Duration::from_secs(20));
        let registry = Self {
            process,
            address: address.clone().unwrap_or_default(),
            _folder: folder,
        };
        address.expect("docker-registry printed no address within 20 s");
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
    let finder = crate::workspace().join("crates/stoa-filter-image/tests/docker-registry");
    let output = Command::new(finder).output().unwrap();
    let trimmed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{}", trimmed(&output.stderr));
    trimmed(&output.stdout)
}
