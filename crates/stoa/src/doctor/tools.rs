//! Checks the programs that build the application.

use std::path::Path;
use std::process::{Command, Stdio};

use super::finding::Finding;

/// The compilation targets of filters and components, as `rustup target add` names them.
const WASM_TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

/// Runs a program and returns the first line of its output; `None` if the program does not start, or fails.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
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

pub(super) fn rust() -> Finding {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let found =
        first_line("cargo", &["--version"]).and_then(|_| first_line("rustc", &["--version"]));
    let result = match found {
        None => Err(format!(
            "not found; install Rust {wanted} or later with rustup"
        )),
        Some(version)
            if version_numbers(version.split(' ').nth(1).unwrap_or_default())
                < version_numbers(wanted) =>
        {
            Err(format!(
                "{version} is older than the required {wanted}; run `rustup update stable`"
            ))
        }
        Some(version) => Ok(version),
    };
    Finding::needed("rust", result)
}

/// Parses a version such as `1.95.0` into numbers, so that versions can be compared.
fn version_numbers(version: &str) -> Vec<u32> {
    let digits = version.split(['-', ' ']).next().unwrap_or_default();
    let mut numbers: Vec<u32> = digits
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    numbers.resize(3, 0);
    numbers
}

pub(super) fn wasm() -> Finding {
    let by_rustup = first_line("rustc", &["--print", "sysroot"]).is_some_and(|root| {
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
            && first_line("/usr/bin/rustc", &["--version"]).is_some()
    };
    let result = if by_rustup {
        Ok(format!("rustup installed {}", WASM_TARGETS.join(" and ")))
    } else if by_debian() {
        Ok("Debian's Rust compiler has WebAssembly targets".to_owned())
    } else {
        Err("the Rust compiler has no WebAssembly targets; run `make setup`".to_owned())
    };
    Finding::needed("wasm targets", result)
}

pub(super) fn c_compiler() -> Finding {
    let missing =
        || "not found; install gcc or clang, because SQLite is built from C sources".to_owned();
    Finding::needed(
        "C compiler",
        first_line("cc", &["--version"]).ok_or_else(missing),
    )
}

/// Checks for Go. The tools that use Istio's own code are built with Go.
pub(super) fn go(manifest: &Path) -> Finding {
    let optional = |detail: String| Finding::optional("Go", detail);
    let module = manifest.with_file_name("tools").join("go.mod");
    let Ok(module) = std::fs::read_to_string(module) else {
        return Finding::optional(
            "Go",
            "not needed: there is no tools/go.mod beside the manifest",
        );
    };
    let wanted = module.lines().find_map(|line| line.strip_prefix("go "));
    let wanted = wanted.unwrap_or_default().trim();
    let needs = "needed only by `make mesh`, `make scenario`, `make check` and `make test`";
    let found = first_line("go", &["env", "GOVERSION"]);
    let version = |found: &str| version_numbers(found.trim_start_matches("go"));
    match found {
        Some(found) if version(&found) >= version_numbers(wanted) => {
            Finding::needed("Go", Ok(format!("{found}; {needs}")))
        }
        Some(found) => optional(format!("{found} is older than {wanted}; {needs}")),
        None => optional(format!("not found; Go {wanted} or later is {needs}")),
    }
}

pub(super) fn spin() -> Finding {
    match first_line("spin", &["--version"]) {
        Some(version) => Finding::needed("spin", Ok(version)),
        None => Finding::optional(
            "spin",
            "not found; needed only to run the manifest with Spin instead of stoa",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::version_numbers;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(version_numbers("1.100.0") > version_numbers("1.95"));
        assert!(version_numbers("1.95.0-nightly") == version_numbers("1.95"));
        assert!(version_numbers("") < version_numbers("1"));
    }
}
