//! Checks the programs that build the application.

use std::path::Path;
use std::process::{Command, Stdio};

use super::finding::Finding;

/// The targets of `rustup target add`.
const WASM_TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

/// The first line that a program prints; `None` if it does not run.
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
            "not found; install Rust {wanted} or later by rustup"
        )),
        Some(version) if number(version.split(' ').nth(1).unwrap_or_default()) < number(wanted) => {
            Err(format!(
                "{version} is older than {wanted}: rustup update stable"
            ))
        }
        Some(version) => Ok(version),
    };
    Finding::needed("rust", result)
}

/// Parses `1.95.0` into numbers, to compare versions.
fn number(version: &str) -> Vec<u32> {
    let digits = version.split(['-', ' ']).next().unwrap_or_default();
    let mut number: Vec<u32> = digits
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    number.resize(3, 0);
    number
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
        Ok(format!("{} by rustup", WASM_TARGETS.join(" ")))
    } else if by_debian() {
        Ok("by Debian's compiler".to_owned())
    } else {
        Err("no compiler for the components: run `make setup`".to_owned())
    };
    Finding::needed("wasm targets", result)
}

pub(super) fn c_compiler() -> Finding {
    let missing =
        || "not found, and SQLite is built from its C sources; install gcc or clang".to_owned();
    Finding::needed(
        "C compiler",
        first_line("cc", &["--version"]).ok_or_else(missing),
    )
}

/// Checks for Go, which builds the tools that use Istio's own code.
pub(super) fn go(manifest: &Path) -> Finding {
    let optional = |detail: String| Finding::optional("Go", detail);
    let module = manifest.with_file_name("tools").join("go.mod");
    let Ok(module) = std::fs::read_to_string(module) else {
        return Finding::optional("Go", "no tools/go.mod here, so nothing needs it");
    };
    let wanted = module.lines().find_map(|line| line.strip_prefix("go "));
    let wanted = wanted.unwrap_or_default().trim();
    let needs = "needed only by `make mesh`, `make scenario`, `make check` and `make test`";
    let found = first_line("go", &["env", "GOVERSION"]);
    let version = |found: &str| number(found.trim_start_matches("go"));
    match found {
        Some(found) if version(&found) >= number(wanted) => {
            Finding::needed("Go", Ok(format!("{found}; {needs}")))
        }
        Some(found) => optional(format!("{found} is older than {wanted}; {needs}")),
        None => optional(format!("not found; {needs}: Go {wanted} or later")),
    }
}

pub(super) fn spin() -> Finding {
    match first_line("spin", &["--version"]) {
        Some(version) => Finding::needed("spin", Ok(version)),
        None => Finding::optional(
            "spin",
            "not found; only to run the same manifest under Spin itself",
        ),
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
