//! Starts `stoa up` as a process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::log::{log_file, tail};
use super::options::ShopOptions;
use crate::client::Client;
use crate::wait::wait_until;
use crate::workspace;

/// Deadline for the process to start. A slow machine needs this time to compile all components.
const START_DEADLINE: Duration = Duration::from_secs(180);

/// The path of the program to run.
pub(super) fn program(options: &ShopOptions) -> PathBuf {
    let named = options.program.clone();
    named
        .or_else(|| std::env::var_os("STOA_BIN").map(PathBuf::from))
        .unwrap_or_else(|| workspace().join("target/native/stoa"))
}

/// Starts the process, and waits until it responds. Returns the process, a client for the gateway and a client for the operator's
/// address.
#[track_caller]
pub(super) fn launch(
    program: &Path,
    options: &ShopOptions,
    state_dir: &Path,
    folder: &Path,
) -> (Child, Client, Client) {
    let log = match File::options()
        .create(true)
        .append(true)
        .open(log_file(folder))
    {
        Ok(log) => log,
        Err(error) => panic!("{}: {error}", log_file(folder).display()),
    };
    let (out, err) = match (log.try_clone(), log) {
        (Ok(out), err) => (Stdio::from(out), Stdio::from(err)),
        (Err(error), _) => panic!("cannot open the log: {error}"),
    };
    let mut command = Command::new(program);
    command
        .arg("up")
        .arg("--manifest")
        .arg(&options.manifest)
        .arg("--state-dir")
        .arg(state_dir);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--operator-listen",
        "127.0.0.1:0",
        "--log",
        "json",
    ]);
    // All tests share this cache of compiled code, so that each component is compiled only once.
    command
        .arg("--cache-dir")
        .arg(workspace().join("target/stoa-cache"));
    if !options.components.is_empty() {
        command
            .arg("--components")
            .arg(options.components.join(","));
    }
    if !options.timers {
        command.arg("--no-timers");
    }
    if !options.mesh {
        command.arg("--no-mesh");
    }
    if !options.filters.is_empty() {
        let path = crate::mesh::overrides_file(state_dir);
        let text = json!(options.filters).to_string();
        let written = std::fs::create_dir_all(state_dir.join("mesh"))
            .and_then(|()| std::fs::write(&path, text));
        assert!(written.is_ok(), "{}: {written:?}", path.display());
    }
    for (name, value) in &options.variables {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    command.args(&options.arguments);
    // Application variables and trusted authorities in the environment of the tests must not change the shop.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("SPIN_VARIABLE_") || text.starts_with("SSL_CERT_") {
            command.env_remove(&name);
        }
    }
    command.envs(&options.environment);
    let mut child = match command.stdin(Stdio::null()).stdout(out).stderr(err).spawn() {
        Ok(child) => child,
        Err(error) => panic!("cannot run {}: {error}", program.display()),
    };
    let pid = child.id();
    let mut run = None;
    let mut ended = None;
    wait_until(START_DEADLINE, "stoa to start", || {
        run = addresses(state_dir, pid);
        ended = child.try_wait().ok().flatten();
        run.is_some() || ended.is_some()
    });
    match run {
        Some((gateway, operator)) => {
            let client = |base| match options.check {
                Some(check) => Client::new(base).checked_by(check),
                None => Client::new(base),
            };
            (child, client(gateway), client(operator))
        }
        None => panic!(
            "stoa ended with {ended:?} before it responded\n{}",
            tail(folder)
        ),
    }
}

/// The addresses of the gateway and of the operator in `run.json`; `None` until this process has written the file.
fn addresses(state_dir: &Path, pid: u32) -> Option<(String, String)> {
    let run: Value =
        serde_json::from_slice(&std::fs::read(state_dir.join("run.json")).ok()?).ok()?;
    let text = |name: &str| Some(run.get(name)?.as_str()?.to_owned());
    (run.get("pid")?.as_u64()? == u64::from(pid)).then_some(())?;
    Some((text("gateway")?, text("operator")?))
}
