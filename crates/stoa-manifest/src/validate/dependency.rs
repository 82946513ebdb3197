//! Checks the dependencies of a component: the sources of imports, and the configuration that dependencies inherit.

use std::collections::BTreeSet;

use super::report::report_fault;
use super::scope::Scope;
use crate::app::{Dependency, DependencySource};
use crate::capability::Capability;
use crate::name;
use crate::raw::{RawComponent, RawDependency, RawDependencySource, RawInherits};
use crate::reader::Text;

impl Scope<'_> {
    pub(super) fn dependencies(&self, user: &RawComponent) -> Vec<Dependency> {
        if let Some((at, _)) = &user.dependencies_inherit
            && user.dependencies.iter().any(|d| d.inherits.is_some())
        {
            let message = "cannot be combined with inherit_configuration in a dependency; expected only one of these two keys";
            report_fault(self.faults, at, message);
        }
        let dependency = |raw| self.dependency(user, raw);
        user.dependencies.iter().filter_map(dependency).collect()
    }

    fn dependency(&self, user: &RawComponent, raw: &RawDependency) -> Option<Dependency> {
        if !name::is_interface(&raw.interface.value) {
            report_fault(
                self.faults,
                &raw.interface,
                "not an interface; expected namespace:package/interface@version",
            );
        }
        if let Some(export) = raw
            .export
            .as_ref()
            .filter(|export| !name::is_interface(&export.value))
        {
            report_fault(
                self.faults,
                export,
                format!(
                    "{:?} is not an interface; expected namespace:package/interface@version",
                    export.value
                ),
            );
        }
        let source = match &raw.source {
            RawDependencySource::Path(path) => DependencySource::Path(self.file(path)?),
            RawDependencySource::Component(id) => {
                self.usable_as_dependency(user, id);
                DependencySource::Component(id.value.clone())
            }
        };
        let export = raw.export.as_ref().map(|export| export.value.clone());
        Some(Dependency {
            interface: raw.interface.value.clone(),
            source,
            export,
            inherits: self.inherits(user, raw),
        })
    }

    /// Checks that the component `id` can be a dependency. A dependency gets only the configuration that it inherits from the
    /// importing component. So a component that has configuration of its own is rejected, because that configuration would have no
    /// effect.
    fn usable_as_dependency(&self, user: &RawComponent, id: &Text) {
        if id.value == user.id.value {
            return report_fault(self.faults, &user.id, "depends on itself");
        }
        let Some(component) = self.components.iter().find(|c| c.id.value == id.value) else {
            let message = format!("{:?} is not a component of this manifest", id.value);
            return report_fault(self.faults, id, message);
        };
        let own: Vec<_> = [
            (
                "allowed_outbound_hosts",
                component.allowed_outbound_hosts.len(),
            ),
            ("dependencies", component.dependencies.len()),
            ("environment", component.environment.len()),
            ("key_value_stores", component.key_value_stores.len()),
            ("sqlite_databases", component.sqlite_databases.len()),
            ("variables", component.variables.len()),
        ]
        .into_iter()
        .filter_map(|(key, entries)| (entries > 0).then_some(key))
        .collect();
        if !own.is_empty() {
            let message = format!(
                "{:?} cannot be a dependency, because it has its own {}; a dependency has only the configuration that \
                 inherit_configuration lists",
                id.value,
                own.join(", ")
            );
            report_fault(self.faults, id, message);
        }
    }

    fn inherits(&self, user: &RawComponent, raw: &RawDependency) -> BTreeSet<Capability> {
        let all = match &raw.inherits {
            Some(RawInherits::Some(kinds)) => {
                let kind = |text: &Text| match text.value.parse() {
                    Ok(kind) => Some(kind),
                    Err(message) => {
                        report_fault(self.faults, text, message);
                        None
                    }
                };
                return kinds.iter().filter_map(kind).collect();
            }
            Some(RawInherits::All(all)) => *all,
            None => matches!(user.dependencies_inherit, Some((_, true))),
        };
        Capability::ALL.into_iter().filter(|_| all).collect()
    }
}
