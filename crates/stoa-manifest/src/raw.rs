//! The shape of a manifest, key by key: what may stand where, and of which type. Nothing is checked beyond that.

use toml::de::DeTable;

use crate::fault::Faults;
use crate::reader::{Entry, Reader, Text};

pub(crate) struct RawManifest {
    pub(crate) name: Text,
    pub(crate) version: Option<Text>,
    pub(crate) variables: Vec<RawVariable>,
    pub(crate) triggers: Vec<RawTrigger>,
    pub(crate) components: Vec<RawComponent>,
}

pub(crate) struct RawVariable {
    pub(crate) name: Text,
    /// Whether there is a default, be it one of a wrong type.
    pub(crate) has_default: bool,
    pub(crate) default: Option<Text>,
    pub(crate) required: bool,
    pub(crate) secret: bool,
}

pub(crate) struct RawTrigger {
    pub(crate) route: RawRoute,
    pub(crate) component: Text,
}

pub(crate) enum RawRoute {
    Public(Text),
    Private,
}

pub(crate) struct RawComponent {
    pub(crate) id: Text,
    /// `None` if it was at fault.
    pub(crate) source: Option<Text>,
    pub(crate) variables: Vec<(Text, Text)>,
    pub(crate) environment: Vec<(Text, Text)>,
    pub(crate) allowed_outbound_hosts: Vec<Text>,
    pub(crate) sqlite_databases: Vec<Text>,
    pub(crate) key_value_stores: Vec<Text>,
    /// The commands that build it, and the folder they run in.
    pub(crate) build: (Vec<Text>, Option<Text>),
    pub(crate) dependencies: Vec<RawDependency>,
    /// `dependencies_inherit_configuration`, with its key as the text.
    pub(crate) dependencies_inherit: Option<(Text, bool)>,
}

pub(crate) struct RawDependency {
    pub(crate) interface: Text,
    pub(crate) source: RawDependencySource,
    pub(crate) export: Option<Text>,
    pub(crate) inherits: Option<RawInherits>,
}

/// `inherit_configuration` of a dependency.
pub(crate) enum RawInherits {
    All(bool),
    Some(Vec<Text>),
}

pub(crate) enum RawDependencySource {
    Component(Text),
    Path(Text),
}

/// Reads a file; `None` if it is no TOML, or has no name.
pub(crate) fn read(text: &str, faults: &Faults<'_>) -> Option<RawManifest> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        faults.push(
            Some(error.span().map_or(0, |span| span.start)),
            "",
            error.message(),
        );
    }
    if !errors.is_empty() {
        // What a half-understood file seems to lack would only mislead.
        return None;
    }
    let mut root = Reader::new(document.get_ref(), String::new(), 0, faults);
    if let Some(entry) = root.required("spin_manifest_version") {
        let (key, offset) = (entry.key.clone(), entry.offset);
        if entry.integer() != Some(2) {
            faults.push(
                Some(offset),
                &key,
                "expected 2, the only version this runtime reads",
            );
        }
    }
    let (name, version) = root
        .required("application")
        .and_then(Entry::table)
        .map(application)
        .unwrap_or_default();
    let variables = root
        .entry("variables")
        .and_then(Entry::table)
        .map(variables)
        .unwrap_or_default();
    let triggers = root
        .required("trigger")
        .and_then(Entry::table)
        .map(triggers)
        .unwrap_or_default();
    let components = root
        .entry("component")
        .and_then(Entry::table)
        .map(components)
        .unwrap_or_default();
    root.finish();
    Some(RawManifest {
        name: name?,
        version,
        variables,
        triggers,
        components,
    })
}

fn application(mut table: Reader<'_>) -> (Option<Text>, Option<Text>) {
    let name = table.required("name").and_then(Entry::string);
    let version = table.string("version");
    table.string("description");
    table.strings("authors");
    table.unsupported("trigger", "; it has no settings for all triggers");
    // For other tools: environments to check against, settings of plugins.
    table.ignored("targets");
    table.ignored("tool");
    table.finish();
    (name, version)
}

fn variables(table: Reader<'_>) -> Vec<RawVariable> {
    let variable = |entry: Entry<'_>| {
        let name = entry.name_text();
        let mut table = entry.table()?;
        table.string("description");
        let default = table.entry("default");
        let (has_default, default) = (default.is_some(), default.and_then(Entry::string));
        let (required, secret) = (table.bool("required"), table.bool("secret"));
        table.finish();
        Some(RawVariable {
            name,
            has_default,
            default,
            required,
            secret,
        })
    };
    table.entries().into_iter().filter_map(variable).collect()
}

fn triggers(mut table: Reader<'_>) -> Vec<RawTrigger> {
    let http = table.entry("http").map(Entry::items).unwrap_or_default();
    for entry in table.entries().iter().filter(|entry| entry.name != "http") {
        entry.fault("is not supported by the embedded runtime: it has HTTP triggers only");
    }
    http.into_iter()
        .filter_map(|entry| trigger(entry.table()?))
        .collect()
}

fn trigger(mut table: Reader<'_>) -> Option<RawTrigger> {
    table.string("id");
    let route = table.required("route").and_then(route);
    let component = table.required("component").and_then(|entry| {
        if entry.is_table() {
            entry.fault("is not supported by the embedded runtime when written inline; write it as [component.NAME]");
            return None;
        }
        entry.string()
    });
    if let Some(mut executor) = table.entry("executor").and_then(Entry::table) {
        if let Some(entry) = executor.required("type") {
            let (key, offset) = (entry.key.clone(), entry.offset);
            if let Some(kind) = entry
                .string()
                .filter(|kind| !["http", "spin"].contains(&kind.value.as_str()))
            {
                let message = format!(
                    "{:?} is not supported by the embedded runtime; expected \"http\"",
                    kind.value
                );
                executor.faults().push(Some(offset), &key, message);
            }
        }
        executor.finish();
    }
    table.unsupported("static_response", "; write a component that answers");
    table.unsupported("components", "");
    table.finish();
    Some(RawTrigger {
        route: route?,
        component: component?,
    })
}

fn route(entry: Entry<'_>) -> Option<RawRoute> {
    if !entry.is_table() {
        return entry.string().map(RawRoute::Public);
    }
    let at = entry.name_text();
    let mut table = entry.table()?;
    let private = table.bool("private");
    let faults = table.faults();
    table.finish();
    if !private {
        faults.push(
            Some(at.offset),
            &at.key,
            "expected a path, or { private = true }",
        );
        return None;
    }
    Some(RawRoute::Private)
}

fn components(table: Reader<'_>) -> Vec<RawComponent> {
    let component = |entry: Entry<'_>| {
        let id = entry.name_text();
        Some(component(id, entry.table()?))
    };
    table.entries().into_iter().filter_map(component).collect()
}

fn component(id: Text, mut table: Reader<'_>) -> RawComponent {
    table.string("description");
    let source = table.required("source").and_then(|entry| {
        if entry.is_table() {
            entry.fault(
                "only a file is supported by the embedded runtime: expected the path of a .wasm",
            );
            return None;
        }
        entry.string()
    });
    let build = match table.entry("build").and_then(Entry::table) {
        Some(mut build) => {
            let command = build.entry("command").map(Entry::one_or_more);
            let workdir = build.string("workdir");
            build.strings("watch");
            build.finish();
            (command.unwrap_or_default(), workdir)
        }
        None => Default::default(),
    };
    let raw = RawComponent {
        id,
        source,
        variables: table.string_map("variables"),
        environment: table.string_map("environment"),
        allowed_outbound_hosts: table.strings("allowed_outbound_hosts"),
        sqlite_databases: table.strings("sqlite_databases"),
        key_value_stores: table.strings("key_value_stores"),
        build,
        dependencies: table
            .entry("dependencies")
            .and_then(Entry::table)
            .map(dependencies)
            .unwrap_or_default(),
        dependencies_inherit: table
            .entry("dependencies_inherit_configuration")
            .and_then(|entry| Some((entry.name_text(), entry.bool()?))),
    };
    table.ignored("tool");
    table.unsupported("files", ": a component sees no files");
    table.unsupported("exclude_files", ": a component sees no files");
    table.unsupported("ai_models", "");
    table.unsupported("profile", "; it builds one profile");
    table.unsupported("targets", "");
    table.unsupported("allowed_http_hosts", "; write allowed_outbound_hosts");
    table.finish();
    raw
}

fn dependencies(table: Reader<'_>) -> Vec<RawDependency> {
    let dependency = |entry: Entry<'_>| {
        let interface = entry.name_text();
        if !entry.is_table() {
            entry.fault("a registry is not supported by the embedded runtime; expected { component } or { path }");
            return None;
        }
        let mut table = entry.table()?;
        let (component, path) = (table.string("component"), table.string("path"));
        let export = table.string("export");
        let inherits = table.entry("inherit_configuration").and_then(inherits);
        let mut elsewhere = false;
        for name in ["version", "registry", "package", "url", "digest"] {
            elsewhere |= table.entry(name).is_some();
            table.unsupported(name, "; expected { component } or { path }");
        }
        let faults = table.faults();
        table.finish();
        let source = match (component, path) {
            (Some(id), None) => RawDependencySource::Component(id),
            (None, Some(path)) => RawDependencySource::Path(path),
            (None, None) if elsewhere => return None,
            _ => {
                faults.push(
                    Some(interface.offset),
                    &interface.key,
                    "expected one of `component` and `path`",
                );
                return None;
            }
        };
        Some(RawDependency {
            interface,
            source,
            export,
            inherits,
        })
    };
    table.entries().into_iter().filter_map(dependency).collect()
}

fn inherits(entry: Entry<'_>) -> Option<RawInherits> {
    if entry.is_array() {
        return Some(RawInherits::Some(entry.strings()));
    }
    entry.bool().map(RawInherits::All)
}
