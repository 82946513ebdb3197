//! The dependencies of a component: the sources of its imports, and the configuration that they inherit.

use std::collections::BTreeSet;

use super::fault_at::fault;
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
            let message =
                "does not go with inherit_configuration of a dependency; expected one of the two";
            fault(self.faults, at, message);
        }
        let dependency = |raw| self.dependency(user, raw);
        user.dependencies.iter().filter_map(dependency).collect()
    }

    fn dependency(&self, user: &RawComponent, raw: &RawDependency) -> Option<Dependency> {
        if !name::is_interface(&raw.interface.value) {
            fault(
                self.faults,
                &raw.interface,
                "is not an interface; expected namespace:package/interface@version",
            );
        }
        if let Some(export) = raw
            .export
            .as_ref()
            .filter(|export| !name::is_interface(&export.value))
        {
            fault(
                self.faults,
                export,
                format!("{:?} is not an interface", export.value),
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

    /// A dependency has only the configuration that its user shares. So a component with configuration of its own
    /// cannot be one: that configuration would have no effect.
    fn usable_as_dependency(&self, user: &RawComponent, id: &Text) {
        if id.value == user.id.value {
            return fault(self.faults, &user.id, "depends on itself");
        }
        let Some(component) = self.components.iter().find(|c| c.id.value == id.value) else {
            let message = format!("{:?} is not a component of this file", id.value);
            return fault(self.faults, id, message);
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
                "{:?} cannot be a dependency, because it has its own {}; a dependency has only what inherit_configuration \
                 gives it",
                id.value,
                own.join(", ")
            );
            fault(self.faults, id, message);
        }
    }

    fn inherits(&self, user: &RawComponent, raw: &RawDependency) -> BTreeSet<Capability> {
        let all = match &raw.inherits {
            Some(RawInherits::Some(kinds)) => {
                let kind = |text: &Text| match text.value.parse() {
                    Ok(kind) => Some(kind),
                    Err(message) => {
                        fault(self.faults, text, message);
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
