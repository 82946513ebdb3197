//! Selects the components to run.

use std::collections::BTreeSet;

use crate::LoadOptions;
use crate::fault::Faults;
use crate::raw::{RawComponent, RawDependencySource};

/// The ids of the components to run: the selected components and their dependencies.
pub(super) fn selected(
    components: &[RawComponent],
    ids: &BTreeSet<String>,
    options: &LoadOptions,
    faults: &Faults<'_>,
) -> BTreeSet<String> {
    let Some(wanted) = &options.components else {
        return ids.clone();
    };
    if wanted.is_empty() {
        faults.push(None, "component", "the selection of components is empty");
    }
    let mut selected = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    for id in wanted {
        if ids.contains(id) {
            open.push(id);
        } else {
            let known: Vec<_> = ids.iter().map(String::as_str).collect();
            faults.push(
                None,
                "component",
                format!(
                    "there is no component {id:?}; expected one of {}",
                    known.join(", ")
                ),
            );
        }
    }
    while let Some(id) = open.pop() {
        if selected.insert(id.to_owned()) {
            let found = components.iter().find(|component| component.id.value == id);
            open.extend(found.into_iter().flat_map(depends_on));
        }
    }
    selected
}

fn depends_on(component: &RawComponent) -> impl Iterator<Item = &str> {
    component
        .dependencies
        .iter()
        .filter_map(|dependency| match &dependency.source {
            RawDependencySource::Component(id) => Some(id.value.as_str()),
            RawDependencySource::Path(_) => None,
        })
}
