//! Reads a manifest key by key.

use toml::de::DeTable;

use super::component::components;
use super::shape::{RawManifest, RawRoute, RawTrigger, RawVariable};
use crate::fault::Faults;
use crate::reader::{Entry, Reader, Text};

/// Reads a manifest; `None` if the text is not TOML, or the application has no name.
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
        // If the file is not valid TOML, only the syntax errors are reported. Errors about missing keys would mislead, because the
        // parser may not have read the lines after the syntax error.
        return None;
    }
    let mut root = Reader::new(document.get_ref(), String::new(), 0, faults);
    if let Some(entry) = root.required("spin_manifest_version") {
        let (key, offset) = (entry.key.clone(), entry.offset);
        if entry.integer() != Some(2) {
            faults.push(
                Some(offset),
                &key,
                "expected 2, the only manifest version that this runtime supports",
            );
        }
    }
    let application = root
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
        name: application.name?,
        version: application.version,
        description: application.description,
        authors: application.authors,
        variables,
        triggers,
        components,
    })
}

/// The table `application`. The name is `None` if the key is missing or its value is invalid.
#[derive(Default)]
struct Application {
    name: Option<Text>,
    version: Option<Text>,
    description: Option<Text>,
    authors: Vec<Text>,
}

fn application(mut table: Reader<'_>) -> Application {
    let application = Application {
        name: table.required("name").and_then(Entry::string),
        version: table.string("version"),
        description: table.string("description"),
        authors: table.strings("authors"),
    };
    table.unsupported("trigger", "; no setting applies to all triggers");
    // These keys are for other tools: `targets` lists the environments that Spin checks the application against, and `tool` holds
    // the settings of plugins.
    table.ignored("targets");
    table.ignored("tool");
    table.finish();
    application
}

fn variables(table: Reader<'_>) -> Vec<RawVariable> {
    let variable = |entry: Entry<'_>| {
        let name = entry.name_text();
        let mut table = entry.table()?;
        let description = table.string("description");
        let default = table.entry("default");
        let (has_default, default) = (default.is_some(), default.and_then(Entry::string));
        let (required, secret) = (table.bool("required"), table.bool("secret"));
        table.finish();
        Some(RawVariable {
            name,
            description,
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
        entry.report_fault("not supported by the embedded runtime; expected an HTTP trigger");
    }
    http.into_iter()
        .filter_map(|entry| trigger(entry.table()?))
        .collect()
}

fn trigger(mut table: Reader<'_>) -> Option<RawTrigger> {
    let id = table.string("id");
    let route = table.required("route").and_then(route);
    let component = table.required("component").and_then(|entry| {
        if entry.is_table() {
            entry.report_fault("the embedded runtime does not support an inline component; expected the id of a component");
            return None;
        }
        entry.string()
    });
    let mut executor_type = None;
    if let Some(mut executor) = table.entry("executor").and_then(Entry::table) {
        if let Some(entry) = executor.required("type") {
            let (key, offset) = (entry.key.clone(), entry.offset);
            executor_type = entry.string();
            if let Some(kind) = executor_type
                .as_ref()
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
    table.unsupported(
        "static_response",
        "; use a component that sends this response",
    );
    table.unsupported("components", "");
    table.finish();
    Some(RawTrigger {
        id,
        route: route?,
        component: component?,
        executor: executor_type,
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
