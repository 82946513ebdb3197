//! The application as its manifest declares it: with templates, before any variable has a value. An image of the application
//! contains this, because variables get their values where the application runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::app::{App, Dependency, RoutePath};
use crate::host::AllowedHost;
use crate::raw::{RawBuild, RawComponent, RawManifest, RawRoute, RawTrigger, RawVariable};
use crate::reader::Text;
use crate::template::Template;

/// An application as its manifest declares it. Every part was checked, and the texts still contain their templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The application's name.
    pub name: String,
    /// The application's version; empty if the manifest has no version.
    pub version: String,
    /// The application's description; empty if the manifest has no description.
    pub description: String,
    /// The application's authors.
    pub authors: Vec<String>,
    /// The application's variables, by name.
    pub variables: BTreeMap<String, Variable>,
    /// The HTTP triggers, in the order in which the manifest lists them.
    pub triggers: Vec<Trigger>,
    /// The components, in the order in which the manifest lists them.
    pub components: Vec<DeclaredComponent>,
}

/// A variable of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The variable's description.
    pub description: Option<String>,
    /// The default; `None` if the variable is required, so that a value must be set where the application runs.
    pub default: Option<String>,
    /// Whether the value is secret, so that no program may show it.
    pub secret: bool,
}

/// An HTTP trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The trigger's id; `None` if the manifest has no id.
    pub id: Option<String>,
    /// The path that a request must match.
    pub path: RoutePath,
    /// The id of the component that gets the requests.
    pub component: String,
    /// The type of the executor, `http` or `spin`; `None` if the manifest has no executor.
    pub executor: Option<String>,
}

/// A component, as the manifest declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredComponent {
    /// The component's id.
    pub id: String,
    /// The component's description; empty if the manifest has no description.
    pub description: String,
    /// The path of the .wasm file, resolved against the manifest's folder. The file may be missing.
    pub source: PathBuf,
    /// The component's variables. The values contain templates.
    pub variables: BTreeMap<String, String>,
    /// The component's environment variables.
    pub environment: BTreeMap<String, String>,
    /// The entries of `allowed_outbound_hosts`, with templates.
    pub allowed_outbound_hosts: Vec<String>,
    /// True if an entry without a template allows calls to other components (`http://NAME.spin.internal`).
    pub calls_components: bool,
    /// The labels of the SQLite databases that the component may open.
    pub sqlite_databases: Vec<String>,
    /// The labels of the key-value stores that the component may open.
    pub key_value_stores: Vec<String>,
    /// The table `build`; `None` if the manifest has no build command.
    pub build: Option<DeclaredBuild>,
    /// The components that satisfy this component's imports, in the order in which the manifest lists them.
    pub dependencies: Vec<Dependency>,
}

/// The table `build` of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredBuild {
    /// The build command.
    pub command: BuildCommand,
    /// The folder in which the command runs, as the manifest spells it.
    pub workdir: Option<String>,
    /// The patterns of the files whose changes start a build.
    pub watch: Vec<String>,
}

/// The build command of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildCommand {
    /// A string.
    One(String),
    /// An array of strings, which run one after the other.
    List(Vec<String>),
}

impl Declaration {
    /// Combines the texts of the manifest with the checked application.
    pub(crate) fn new(raw: RawManifest, app: App) -> Self {
        let component = |raw| declared_component(raw, &app);
        Self {
            description: text_or_empty(raw.description),
            authors: texts(raw.authors),
            variables: raw.variables.into_iter().map(variable).collect(),
            triggers: raw.triggers.into_iter().map(trigger).collect(),
            components: raw.components.into_iter().filter_map(component).collect(),
            name: app.name,
            version: app.version,
        }
    }
}

fn variable(raw: RawVariable) -> (String, Variable) {
    let variable = Variable {
        description: raw.description.map(|text| text.value),
        default: raw.default.map(|text| text.value),
        secret: raw.secret,
    };
    (raw.name.value, variable)
}

fn trigger(raw: RawTrigger) -> Trigger {
    Trigger {
        id: raw.id.map(|text| text.value),
        path: match raw.route {
            RawRoute::Public(text) => RoutePath::Public(text.value),
            RawRoute::Private => RoutePath::Private,
        },
        component: raw.component.value,
        executor: raw.executor.map(|text| text.value),
    }
}

fn declared_component(raw: RawComponent, app: &App) -> Option<DeclaredComponent> {
    let checked = app.components.get(&raw.id.value)?;
    Some(DeclaredComponent {
        id: raw.id.value,
        description: text_or_empty(raw.description),
        source: checked.source.clone(),
        variables: texts_by_name(raw.variables),
        environment: texts_by_name(raw.environment),
        calls_components: raw.allowed_outbound_hosts.iter().any(calls_components),
        allowed_outbound_hosts: texts(raw.allowed_outbound_hosts),
        sqlite_databases: texts(raw.sqlite_databases),
        key_value_stores: texts(raw.key_value_stores),
        build: raw.build.and_then(build),
        dependencies: checked.dependencies.clone(),
    })
}

/// True if the entry has no template, and allows calls to one or all components.
fn calls_components(entry: &Text) -> bool {
    let literal = Template::parse(&entry.value).is_ok_and(|template| template.is_literal());
    literal
        && entry.value.parse().is_ok_and(|host: AllowedHost| {
            host.allows_any_component() || host.component_name().is_some()
        })
}

fn build(raw: RawBuild) -> Option<DeclaredBuild> {
    let mut commands = texts(raw.commands);
    let command = match raw.is_list {
        true => BuildCommand::List(commands),
        false => BuildCommand::One(commands.pop()?),
    };
    Some(DeclaredBuild {
        command,
        workdir: raw.workdir.map(|text| text.value),
        watch: texts(raw.watch),
    })
}

fn text_or_empty(text: Option<Text>) -> String {
    text.map(|text| text.value).unwrap_or_default()
}

fn texts(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

fn texts_by_name(entries: Vec<(Text, Text)>) -> BTreeMap<String, String> {
    let entry = |(name, text): (Text, Text)| (name.value, text.value);
    entries.into_iter().map(entry).collect()
}
