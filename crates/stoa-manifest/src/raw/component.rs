//! Reads the components of a manifest.

use super::shape::{RawBuild, RawComponent, RawDependency, RawDependencySource, RawInherits};
use crate::reader::{Entry, Reader, Text};

/// Reads all components, in the order in which the manifest lists them.
pub(super) fn components(table: Reader<'_>) -> Vec<RawComponent> {
    let component = |entry: Entry<'_>| {
        let id = entry.name_text();
        Some(component(id, entry.table()?))
    };
    table.entries().into_iter().filter_map(component).collect()
}

fn component(id: Text, mut table: Reader<'_>) -> RawComponent {
    let description = table.string("description");
    let source = table.required("source").and_then(|entry| {
        if entry.is_table() {
            entry.report_fault(
                "expected the path of a .wasm file, because the embedded runtime supports no other source",
            );
            return None;
        }
        entry.string()
    });
    let build = table.entry("build").and_then(Entry::table).map(build);
    let raw = RawComponent {
        id,
        description,
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
    table.unsupported("files", "; a component has no access to files");
    table.unsupported("exclude_files", "; a component has no access to files");
    table.unsupported("ai_models", "");
    table.unsupported("profile", "; a component has only one build profile");
    table.unsupported("targets", "");
    table.unsupported("allowed_http_hosts", "; use allowed_outbound_hosts");
    table.finish();
    raw
}

fn build(mut table: Reader<'_>) -> RawBuild {
    let command = table.entry("command");
    let build = RawBuild {
        is_list: command.as_ref().is_some_and(Entry::is_array),
        commands: command.map(Entry::string_or_strings).unwrap_or_default(),
        workdir: table.string("workdir"),
        watch: table.strings("watch"),
    };
    table.finish();
    build
}

fn dependencies(table: Reader<'_>) -> Vec<RawDependency> {
    let dependency = |entry: Entry<'_>| {
        let interface = entry.name_text();
        if !entry.is_table() {
            entry.report_fault("a dependency from a registry is not supported; expected a table with `component` or `path`");
            return None;
        }
        let mut table = entry.table()?;
        let (component, path) = (table.string("component"), table.string("path"));
        let export = table.string("export");
        let inherits = table.entry("inherit_configuration").and_then(inherits);
        let mut has_remote_source = false;
        for name in ["version", "registry", "package", "url", "digest"] {
            has_remote_source |= table.entry(name).is_some();
            table.unsupported(name, "; expected `component` or `path`");
        }
        let faults = table.faults();
        table.finish();
        let source = match (component, path) {
            (Some(id), None) => RawDependencySource::Component(id),
            (None, Some(path)) => RawDependencySource::Path(path),
            (None, None) if has_remote_source => return None,
            _ => {
                faults.push(
                    Some(interface.offset),
                    &interface.key,
                    "expected either `component` or `path`",
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
