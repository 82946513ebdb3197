//! Checks the parts of a component.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::report::report_fault;
use super::variables::Variables;
use crate::app::{Build, Component};
use crate::fault::Faults;
use crate::name;
use crate::raw::{RawBuild, RawComponent};
use crate::reader::Text;
use crate::template::Template;

/// The context for the checks of a component.
pub(super) struct Scope<'a> {
    pub(super) folder: &'a Path,
    pub(super) variables: &'a Variables,
    pub(super) ids: &'a BTreeSet<String>,
    pub(super) components: &'a [RawComponent],
    pub(super) selected: &'a BTreeSet<String>,
    /// True if [`LoadOptions::components`](crate::LoadOptions::components) selects the components to run; false if all components
    /// run.
    pub(super) has_selection: bool,
    pub(super) faults: &'a Faults<'a>,
}

impl Scope<'_> {
    /// Checks a component. Returns `None` if a required part has an error.
    pub(super) fn component(&self, raw: &RawComponent) -> Option<Component> {
        if !name::is_kebab(&raw.id.value) {
            report_fault(
                self.faults,
                &raw.id,
                "not a valid component id; expected kebab-case",
            );
        }
        let source = raw.source.as_ref().and_then(|source| self.file(source));
        for (name, _) in raw
            .variables
            .iter()
            .filter(|(name, _)| !name::is_lower_snake(&name.value))
        {
            report_fault(
                self.faults,
                name,
                "not a valid variable name; expected lower_snake_case",
            );
        }
        let fill = |(name, value): &(Text, Text)| Some((name.value.clone(), self.fill(value)?.0));
        let environment = raw
            .environment
            .iter()
            .map(|(name, value)| (name.value.clone(), value.value.clone()));
        let in_selection = self.selected.contains(&raw.id.value);
        Some(Component {
            id: raw.id.value.clone(),
            source: source?,
            variables: raw.variables.iter().filter_map(fill).collect(),
            environment: environment.collect(),
            allowed_outbound_hosts: raw
                .allowed_outbound_hosts
                .iter()
                .filter_map(|host| self.host(host, in_selection))
                .collect(),
            sqlite_databases: self.labels(&raw.sqlite_databases),
            key_value_stores: self.labels(&raw.key_value_stores),
            build: raw.build.as_ref().and_then(|build| self.build(build)),
            dependencies: self.dependencies(raw),
        })
    }

    fn build(&self, raw: &RawBuild) -> Option<Build> {
        let commands: Vec<_> = raw.commands.iter().map(|text| &*text.value).collect();
        let workdir = match &raw.workdir {
            Some(folder) => self.file(folder)?,
            None => self.folder.to_owned(),
        };
        (!commands.is_empty()).then(|| Build {
            command: commands.join(" && "),
            workdir,
        })
    }

    pub(super) fn file(&self, text: &Text) -> Option<PathBuf> {
        if text.value.is_empty() || text.value.contains('\0') {
            report_fault(self.faults, text, format!("{:?} is not a path", text.value));
            return None;
        }
        Some(self.folder.join(&text.value))
    }

    /// Returns the text with the values of its variables, and true if the text is literal, which means that it contains no
    /// template.
    pub(super) fn fill(&self, text: &Text) -> Option<(String, bool)> {
        let template = match Template::parse(&text.value) {
            Ok(template) => template,
            Err(message) => {
                report_fault(self.faults, text, message);
                return None;
            }
        };
        for name in template
            .variables()
            .filter(|name| !self.variables.values.contains_key(*name))
        {
            report_fault(
                self.faults,
                text,
                format!("the variable {name:?} is not declared in [variables]"),
            );
        }
        let value = |name: &str| self.variables.values.get(name).and_then(Option::as_deref);
        Some((template.fill(value)?, template.is_literal()))
    }

    fn labels(&self, labels: &[Text]) -> Vec<String> {
        for label in labels.iter().filter(|label| !name::is_label(&label.value)) {
            report_fault(
                self.faults,
                label,
                format!(
                    "{:?} is not a label; expected kebab-case or snake_case",
                    label.value
                ),
            );
        }
        labels.iter().map(|label| label.value.clone()).collect()
    }
}
