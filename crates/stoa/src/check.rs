//! `stoa check`: reads a manifest, its OpenAPI document and the built .wasm files as `stoa up` does, and prints the routes and
//! timers.

use std::fmt::Write as _;

use stoa_manifest::RoutePath;

use crate::args::AppArgs;
use crate::exit::{Code, Failure};
use crate::output::print;

/// Runs the command.
pub(crate) fn run(arguments: &AppArgs) -> Result<(), Failure> {
    let source = arguments.source();
    let app = source.load()?;
    let document = source.document()?;
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
    for timer in document.iter().flat_map(|document| &document.timers) {
        let _ = writeln!(
            text,
            "  every {:?}: {} {}",
            timer.period, timer.method, timer.path
        );
    }
    print(&text)
}
