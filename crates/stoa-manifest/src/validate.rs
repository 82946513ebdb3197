//! From the shape of a manifest to an [`App`]: names, templates, hosts and routes checked, components selected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::LoadOptions;
use crate::app::{App, Build, Component, Route, RoutePath};
use crate::fault::Faults;
use crate::host::AllowedHost;
use crate::name;
use crate::raw::{
    RawComponent, RawDependencySource, RawManifest, RawRoute, RawTrigger, RawVariable,
};
use crate::reader::Text;
use crate::route;
use crate::template::Template;

mod dependency;

/// Checks everything, and notes every fault on the way.
pub(crate) fn app(
    raw: RawManifest,
    path: &Path,
    options: &LoadOptions,
    faults: &Faults<'_>,
) -> Option<App> {
    if raw.name.value.trim().is_empty() {
        fault(faults, &raw.name, "is empty");
    }
    let variables = Variables::resolve(&raw.variables, options, faults);
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
        selection: options.components.is_some(),
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
    let version = raw.version.map(|version| version.value).unwrap_or_default();
    Some(App {
        name: raw.name.value,
        version,
        manifest: path.to_path_buf(),
        routes,
        components,
    })
}

fn fault(faults: &Faults<'_>, at: &Text, message: impl Into<String>) {
    faults.push(Some(at.offset), &at.key, message);
}

/// The application's variables. One at fault is known, but has no value.
struct Variables {
    values: BTreeMap<String, Option<String>>,
    secrets: BTreeSet<String>,
}

impl Variables {
    fn resolve(raw: &[RawVariable], options: &LoadOptions, faults: &Faults<'_>) -> Self {
        let mut values = BTreeMap::new();
        let mut secrets = BTreeSet::new();
        for variable in raw {
            let name = &variable.name.value;
            if !name::is_lower_snake(name) {
                fault(
                    faults,
                    &variable.name,
                    "is no name of a variable; expected lower_snake_case",
                );
            }
            let given = options
                .variables
                .get(name)
                .or_else(|| options.environment.get(name));
            match (variable.required, variable.has_default) {
                (true, true) => fault(
                    faults,
                    &variable.name,
                    "is required and has a default; expected one of them",
                ),
                (false, false) => fault(
                    faults,
                    &variable.name,
                    "expected required = true or a default",
                ),
                (true, false) if given.is_none() => {
                    let upper = name.to_uppercase();
                    let message = format!(
                        "is required and has no value; give it by --variable {name}=... or SPIN_VARIABLE_{upper}"
                    );
                    fault(faults, &variable.name, message);
                }
                _ => {}
            }
            let default = variable.default.as_ref().map(|default| &default.value);
            values.insert(name.clone(), given.or(default).cloned());
            if variable.secret {
                secrets.insert(name.clone());
            }
        }
        for name in options
            .variables
            .keys()
            .filter(|name| !values.contains_key(*name))
        {
            faults.push(
                None,
                "variables",
                format!("has no {name:?}, which a value was given for"),
            );
        }
        Self { values, secrets }
    }
}

/// The ids to run: those asked for, and what they are composed with.
fn selected(
    components: &[RawComponent],
    ids: &BTreeSet<String>,
    options: &LoadOptions,
    faults: &Faults<'_>,
) -> BTreeSet<String> {
    let Some(asked) = &options.components else {
        return ids.clone();
    };
    if asked.is_empty() {
        faults.push(None, "component", "the selection of components is empty");
    }
    let mut selected = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    for id in asked {
        if ids.contains(id) {
            open.push(id);
        } else {
            let known: Vec<_> = ids.iter().map(String::as_str).collect();
            faults.push(
                None,
                "component",
                format!("has no {id:?} to select; it has {}", known.join(", ")),
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

fn routes(triggers: &[RawTrigger], ids: &BTreeSet<String>, faults: &Faults<'_>) -> Vec<Route> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut routes = Vec::new();
    for trigger in triggers {
        if !ids.contains(&trigger.component.value) {
            let message = format!("{:?} is no component of this file", trigger.component.value);
            fault(faults, &trigger.component, message);
        }
        let path = match &trigger.route {
            RawRoute::Private => RoutePath::Private,
            RawRoute::Public(text) => {
                if let Err(message) = route::check(&text.value) {
                    fault(faults, text, message);
                } else if let Some(first) = seen.insert(route::shape(&text.value), &text.value) {
                    fault(
                        faults,
                        text,
                        format!("route {:?} is already taken by {first:?}", text.value),
                    );
                }
                RoutePath::Public(text.value.clone())
            }
        };
        routes.push(Route {
            path,
            component: trigger.component.value.clone(),
        });
    }
    routes
}

/// What the parts of a component are checked against.
struct Scope<'a> {
    folder: &'a Path,
    variables: &'a Variables,
    ids: &'a BTreeSet<String>,
    components: &'a [RawComponent],
    selected: &'a BTreeSet<String>,
    /// Whether some of the components were selected, instead of all.
    selection: bool,
    faults: &'a Faults<'a>,
}

impl Scope<'_> {
    fn component(&self, raw: &RawComponent) -> Option<Component> {
        if !name::is_kebab(&raw.id.value) {
            fault(
                self.faults,
                &raw.id,
                "is no id of a component; expected kebab-case",
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
                "is no name of a variable; expected lower_snake_case",
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

    fn file(&self, text: &Text) -> Option<PathBuf> {
        if text.value.is_empty() || text.value.contains('\0') {
            fault(self.faults, text, format!("{:?} is no path", text.value));
            return None;
        }
        Some(self.folder.join(&text.value))
    }

    /// The text with its templates filled in, and whether it had none.
    fn fill(&self, text: &Text) -> Option<(String, bool)> {
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

    fn host(&self, text: &Text, in_selection: bool) -> Option<AllowedHost> {
        let (filled, literal) = self.fill(text)?;
        // A secret has no place in a message.
        let shown = |message: String| {
            let secret = Template::parse(&text.value).is_ok_and(|template| {
                template
                    .variables()
                    .any(|name| self.variables.secrets.contains(name))
            });
            match (literal, secret) {
                (true, _) => message,
                (false, false) => format!("{:?} stands for a bad value: {message}", text.value),
                (false, true) => format!(
                    "{:?} stands for a bad value (a secret, not shown)",
                    text.value
                ),
            }
        };
        let host: AllowedHost = match filled.parse() {
            Ok(host) => host,
            Err(error) => {
                fault(self.faults, text, shown(format!("{error}")));
                return None;
            }
        };
        if host.any_internal() && literal && in_selection && self.selection {
            let message =
                "stands for all components; with a selection, name the components that are called";
            fault(self.faults, text, shown(format!("{filled:?} {message}")));
        }
        if let Some(id) = host.internal() {
            if !self.ids.contains(id) {
                fault(
                    self.faults,
                    text,
                    shown(format!("{filled:?}: {id:?} is no component of this file")),
                );
            } else if literal && in_selection && !self.selected.contains(id) {
                // With a template the address can be another where this one is left out; without, it can only fail.
                fault(
                    self.faults,
                    text,
                    format!("{filled:?}: component {id:?} is not in the selection"),
                );
            }
        }
        Some(host)
    }

    fn labels(&self, labels: &[Text]) -> Vec<String> {
        for label in labels.iter().filter(|label| !name::is_label(&label.value)) {
            fault(
                self.faults,
                label,
                format!(
                    "{:?} is no label; expected kebab-case or snake_case",
                    label.value
                ),
            );
        }
        labels.iter().map(|label| label.value.clone()).collect()
    }
}
