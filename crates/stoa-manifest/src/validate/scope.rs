//! The parts of a component.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::fault_at::fault;
use super::variables::Variables;
use crate::app::{Build, Component};
use crate::fault::Faults;
use crate::name;
use crate::raw::RawComponent;
use crate::reader::Text;
use crate::template::Template;

/// The context that the parts of a component are checked in.
pub(super) struct Scope<'a> {
    pub(super) folder: &'a Path,
    pub(super) variables: &'a Variables,
    pub(super) ids: &'a BTreeSet<String>,
    pub(super) components: &'a [RawComponent],
    pub(super) selected: &'a BTreeSet<String>,
    /// Whether only some of the components were selected.
    pub(super) selection: bool,
    pub(super) faults: &'a Faults<'a>,
}

impl Scope<'_> {
    /// One component; None if a required part has a fault.
    pub(super) fn component(&self, raw: &RawComponent) -> Option<Component> {
        if !name::is_kebab(&raw.id.value) {
            fault(
                self.faults,
                &raw.id,
                "is not the id of a component; expected kebab-case",
            );
        }
        let source = raw.source.as_ref().and_then(|source| self.file(source));
        for (name, _) in raw
            .variables
            .iter()
            .filter(|(name, _)| !name::is_lower_snake(&name.value))
        {
            fault(
                self.faults,
                name,
                "is not the name of a variable; expected lower_snake_case",
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
            build: self.build(&raw.build),
            dependencies: self.dependencies(raw),
        })
    }

    fn build(&self, (commands, workdir): &(Vec<Text>, Option<Text>)) -> Option<Build> {
        let commands: Vec<_> = commands.iter().map(|text| text.value.as_str()).collect();
        let workdir = match workdir {
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
            fault(self.faults, text, format!("{:?} is not a path", text.value));
            return None;
        }
        Some(self.folder.join(&text.value))
    }

    /// The text with its templates filled in, and whether it is literal (has no templates).
    pub(super) fn fill(&self, text: &Text) -> Option<(String, bool)> {
        let template = match Template::parse(&text.value) {
            Ok(template) => template,
            Err(message) => {
                fault(self.faults, text, message);
                return None;
            }
        };
        for name in template
            .variables()
            .filter(|name| !self.variables.values.contains_key(*name))
        {
            fault(
                self.faults,
                text,
                format!("names the variable {name:?}, which [variables] does not have"),
            );
        }
        let value = |name: &str| self.variables.values.get(name).and_then(Option::as_deref);
        Some((template.fill(value)?, template.is_literal()))
    }

    fn labels(&self, labels: &[Text]) -> Vec<String> {
        for label in labels.iter().filter(|label| !name::is_label(&label.value)) {
            fault(
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
