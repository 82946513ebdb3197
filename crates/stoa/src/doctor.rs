//! `stoa doctor`: what building and running needs, what of it is here, and how to get the rest.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::check;
use crate::cli::{AppArgs, DoctorArgs};
use crate::exit::{Code, Failure};
use crate::up::{Run, mesh};

/// One thing that was looked at.
struct Finding {
    state: State,
    what: &'static str,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Missing,
    /// Not here, and not needed either.
    Optional,
}

/// What `rustup target add` is asked for.
const WASM_TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

/// The inotify instances of the mesh of `make up`: a test counts them.
const WATCHES: u32 = 54;

/// Runs the command.
pub(crate) fn run(arguments: &DoctorArgs) -> Result<(), Failure> {
    let findings = [
        rust(),
        wasm(),
        c_compiler(),
        components(&arguments.manifest),
        envoy(&arguments.manifest),
        watches(),
        port(arguments),
        state_dir(&arguments.state_dir),
        go(&arguments.manifest),
        spin(),
    ];
    let mut text = String::new();
    for finding in &findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Optional => "optional",
        };
        let _ = writeln!(text, "{state:<9} {:<16} {}", finding.what, finding.detail);
    }
    check::print(&text)?;
    let missing: Vec<_> = findings
        .iter()
        .filter(|finding| finding.state == State::Missing)
        .map(|finding| finding.what)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Code::Unavailable,
        format!("not ready: {}", missing.join(", ")),
    ))
}

fn finding(what: &'static str, result: Result<String, String>) -> Finding {
    match result {
        Ok(detail) => Finding {
            state: State::Ok,
            what,
            detail,
        },
        Err(detail) => Finding {
            state: State::Missing,
            what,
            detail,
        },
    }
}

/// The first line a program prints, or `None` if it does not run.
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output
        .status
        .success()
        .then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

fn rust() -> Finding {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let found = ask("cargo", &["--version"]).and_then(|_| ask("rustc", &["--version"]));
    let result = match found {
        None => Err(format!(
            "not found; install Rust {wanted} or later by rustup"
        )),
        Some(version) if number(version.split(' ').nth(1).unwrap_or_default()) < number(wanted) => {
            Err(format!(
                "{version} is older than {wanted}: rustup update stable"
            ))
        }
        Some(version) => Ok(version),
    };
    finding("rust", result)
}

/// `1.95.0` as something to compare.
fn number(version: &str) -> Vec<u32> {
    let digits = version.split(['-', ' ']).next().unwrap_or_default();
    let mut number: Vec<u32> = digits
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    number.resize(3, 0);
    number
}

fn wasm() -> Finding {
    let by_rustup = ask("rustc", &["--print", "sysroot"]).is_some_and(|root| {
        WASM_TARGETS.iter().all(|target| {
            Path::new(&root)
                .join("lib/rustlib")
                .join(target)
                .join("lib")
                .is_dir()
        })
    });
    let by_debian = || {
        Path::new("/usr/lib/wasm32-wasi").is_dir()
            && ask("/usr/bin/rustc", &["--version"]).is_some()
    };
    let result = if by_rustup {
        Ok(format!("{} by rustup", WASM_TARGETS.join(" ")))
    } else if by_debian() {
        Ok("by Debian's compiler".to_owned())
    } else {
        Err("no compiler for the components: run `make setup`".to_owned())
    };
    finding("wasm targets", result)
}

fn c_compiler() -> Finding {
    let missing =
        || "not found, and SQLite is built from its C sources; install gcc or clang".to_owned();
    finding("C compiler", ask("cc", &["--version"]).ok_or_else(missing))
}

fn components(manifest: &Path) -> Finding {
    let arguments = AppArgs {
        manifest: manifest.to_path_buf(),
        variables: Vec::new(),
        components: None,
        api: None,
    };
    let result = match check::load(&arguments) {
        Err(failure) => Err(failure.to_string()),
        Ok(app) => {
            let sources = app.components.values().map(|component| &component.source);
            let missing: Vec<_> = sources
                .filter(|source| !source.is_file())
                .map(|s| s.display().to_string())
                .collect();
            if missing.is_empty() {
                Ok(format!(
                    "{} of {} built",
                    app.components.len(),
                    manifest.display()
                ))
            } else {
                Err(format!(
                    "not built: {}; run `make wasm`",
                    missing.join(", ")
                ))
            }
        }
    };
    finding("components", result)
}

fn envoy(manifest: &Path) -> Finding {
    if mesh::beside(manifest).is_none() {
        return Finding {
            state: State::Optional,
            what: "Envoy",
            detail: "no istio/compiled here, so it runs without a mesh".to_owned(),
        };
    }
    let found = stoa_mesh::find_envoy(&manifest.with_file_name("target/envoy"));
    let found = found.map(|program| program.display().to_string());
    finding("Envoy", found.map_err(|error| error.to_string()))
}

/// How many inotify instances a user may have: an Envoy takes one for each file that it watches.
fn watches() -> Finding {
    const LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";
    let text = std::fs::read_to_string(LIMIT).unwrap_or_default();
    let result = match text.trim().parse::<u32>() {
        Ok(limit) if limit < WATCHES => Err(format!(
            "{limit} instances, and a mesh takes {WATCHES}: sysctl fs.inotify.max_user_instances=512"
        )),
        Ok(limit) => Ok(format!(
            "{limit} instances for all programs of a user; a mesh takes {WATCHES}"
        )),
        Err(error) => Err(format!("{LIMIT}: {error}")),
    };
    finding("inotify", result)
}

fn port(arguments: &DoctorArgs) -> Finding {
    let address = arguments.listen;
    let result = match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) => match Run::running(&arguments.state_dir) {
            Some(run) if run.gateway == format!("http://{address}") => Ok(format!(
                "{address} is where the shop of {} answers, process {}",
                arguments.state_dir.display(),
                run.pid
            )),
            _ => Err(format!("{address}: {error}; use another with --listen")),
        },
    };
    finding("address", result)
}

fn state_dir(path: &Path) -> Finding {
    // Looking must not make the folder: the nearest one that is there tells whether it could be made.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = absolute
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    let probe = there.join(format!(".stoa-doctor-{}", std::process::id()));
    let result = std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe));
    let result = match result {
        Ok(()) => Ok(format!("{} can be written", path.display())),
        Err(error) => Err(format!(
            "{}: {error}; use another with --state-dir",
            there.display()
        )),
    };
    finding("state folder", result)
}

/// What the tools are built with that have Istio's own code.
fn go(manifest: &Path) -> Finding {
    let optional = |detail| Finding {
        state: State::Optional,
        what: "Go",
        detail,
    };
    let module = manifest.with_file_name("tools").join("go.mod");
    let Ok(module) = std::fs::read_to_string(module) else {
        return optional("no tools/go.mod here, so nothing needs it".to_owned());
    };
    let wanted = module.lines().find_map(|line| line.strip_prefix("go "));
    let wanted = wanted.unwrap_or_default().trim();
    let needs = "needed only by `make mesh`, `make scenario`, `make check` and `make test`";
    let found = ask("go", &["env", "GOVERSION"]);
    let version = |found: &str| number(found.trim_start_matches("go"));
    match found {
        Some(found) if version(&found) >= number(wanted) => Finding {
            state: State::Ok,
            what: "Go",
            detail: format!("{found}; {needs}"),
        },
        Some(found) => optional(format!("{found} is older than {wanted}; {needs}")),
        None => optional(format!("not found; {needs}: Go {wanted} or later")),
    }
}

fn spin() -> Finding {
    let (state, detail) = match ask("spin", &["--version"]) {
        Some(version) => (State::Ok, version),
        None => (
            State::Optional,
            "not found; only to run the same manifest under Spin itself".to_owned(),
        ),
    };
    Finding {
        state,
        what: "spin",
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn compares_versions_by_number() {
        assert!(number("1.100.0") > number("1.95"));
        assert!(number("1.95.0-nightly") == number("1.95"));
        assert!(number("") < number("1"));
    }
}
