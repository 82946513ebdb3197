//! Turns the structs of `raw.rs` into an [`App`]: checks names, templates, hosts and routes, and selects the components.
//!
//! - this file: the whole application.
//! - `validate/variables.rs`, `validate/selection.rs`, `validate/routes.rs`: the parts of an application.
//! - `validate/scope.rs`, `validate/host.rs`, `validate/dependency.rs`: the parts of a component.
//! - `validate/report.rs`: reports an error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::LoadOptions;
use crate::app::App;
use crate::fault::Faults;
use crate::raw::RawManifest;
use report::report_fault;
use routes::routes;
use scope::Scope;
use selection::selected;
use variables::Variables;

pub(crate) use variables::RequiredValues;

mod dependency;
mod host;
mod report;
mod routes;
mod scope;
mod selection;
mod variables;

/// Checks the whole application, and records all errors.
pub(crate) fn app(
    raw: &RawManifest,
    path: &Path,
    options: &LoadOptions,
    values: RequiredValues,
    faults: &Faults<'_>,
) -> Option<App> {
    if raw.name.value.trim().is_empty() {
        report_fault(faults, &raw.name, "empty");
    }
    let variables = Variables::resolve(&raw.variables, options, values, faults);
    let ids: BTreeSet<String> = raw
        .components
        .iter()
        .map(|component| component.id.value.clone())
        .collect();
    let selected = selected(&raw.components, &ids, options, faults);
    let folder = path.parent().unwrap_or(Path::new(""));
    let scope = Scope {
        folder,
        variables: &variables,
        ids: &ids,
        components: &raw.components,
        selected: &selected,
        has_selection: options.components.is_some(),
        faults,
    };
    let mut components: BTreeMap<_, _> = raw
        .components
        .iter()
        .filter_map(|raw| Some((raw.id.value.clone(), scope.component(raw)?)))
        .collect();
    let mut routes = routes(&raw.triggers, &ids, faults);
    components.retain(|id, _| selected.contains(id));
    routes.retain(|route| selected.contains(&route.component));
    let version = raw.version.as_ref().map(|version| version.value.clone());
    Some(App {
        name: raw.name.value.clone(),
        version: version.unwrap_or_default(),
        manifest: path.to_path_buf(),
        routes,
        components,
    })
}
