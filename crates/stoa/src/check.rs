//! `stoa check`: reads a manifest, its OpenAPI document and the .wasm files that are built as `stoa up` does, and says
//! what they declare.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use stoa_manifest::{App, LoadOptions, RoutePath};

use crate::api::Api;
use crate::cli::AppArgs;
use crate::exit::{Code, Failure};

/// Runs the command.
pub(crate) fn run(arguments: &AppArgs) -> Result<(), Failure> {
    let app = load(arguments)?;
    let api = api(arguments)?;
    let faults = stoa_runtime::check_files(&app);
    if !faults.is_empty() {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        return Err(Failure::new(Code::Data, faults.join("\n")));
    }
    let mut text = format!(
        "{}: {} {}\n",
        arguments.manifest.display(),
        app.name,
        app.version
    );
    for route in &app.routes {
        let path = match &route.path {
            RoutePath::Public(path) => path,
            RoutePath::Private => "(private)",
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {path:<28} {}", route.component);
    }
    for timer in api.iter().flat_map(|api| &api.timers) {
        let _ = writeln!(
            text,
            "  every {:?}: {} {}",
            timer.period, timer.method, timer.path
        );
    }
    print(&text)
}

/// The application, as the command line and the environment want it.
pub(crate) fn load(arguments: &AppArgs) -> Result<App, Failure> {
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        let name = name
            .to_str()?
            .strip_prefix("SPIN_VARIABLE_")?
            .to_lowercase();
        Some((name, value.into_string().ok()?))
    });
    let options = LoadOptions {
        variables: arguments
            .variables
            .iter()
            .cloned()
            .collect::<BTreeMap<_, _>>(),
        environment: environment.collect(),
        components: arguments.components.clone(),
    };
    stoa_manifest::load(&arguments.manifest, &options).map_err(|errors| match errors.unreadable() {
        Some(error) => Failure::io(
            error,
            Code::Io,
            format!("{} (--manifest)", arguments.manifest.display()),
        ),
        None => Failure::new(Code::Data, format!("the manifest is wrong:\n{errors}")),
    })
}

/// The OpenAPI document that was named, or the one beside the manifest if there is one.
pub(crate) fn api(arguments: &AppArgs) -> Result<Option<Api>, Failure> {
    let (path, named): (PathBuf, bool) = match &arguments.api {
        Some(path) => (path.clone(), true),
        None => (
            arguments
                .manifest
                .with_file_name("api")
                .join("openapi.yaml"),
            false,
        ),
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Err(Failure::io(&error, Code::Data, path.display()));
        }
        Err(error) => {
            return Err(Failure::io(
                &error,
                Code::Io,
                format!("{} (--api)", path.display()),
            ));
        }
    };
    let api =
        Api::parse(&text, &path).map_err(|errors| Failure::new(Code::Data, errors.to_string()))?;
    Ok(Some(api))
}

/// Writes to stdout; whoever closed it wants no more.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io(&error, Code::Io, "stdout"))
        }
        _ => Ok(()),
    }
}
