//! Composes a component with its dependencies: connects the component's imports to the dependencies' exports.
use std::collections::{BTreeSet, HashMap};

use stoa_manifest::Capability;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId};

use crate::component::isolate;
use crate::guard::guard;
use crate::host::imports::capability;

/// One dependency of the component.
pub(crate) struct Plug<'a> {
    /// The import that the dependency satisfies: an interface `ns:package/interface@version`, or a whole package
    /// `ns:package@version`.
    pub(crate) interface: &'a str,
    /// The dependency's export to use. None if it has the same name as the import.
    pub(crate) export: Option<&'a str>,
    /// Identifies the dependency's component. Dependencies with the same source and the same grants share one instance.
    pub(crate) source: &'a str,
    /// The dependency's component.
    pub(crate) bytes: &'a [u8],
    /// The kinds of configuration that the dependency inherits from the component that uses it.
    pub(crate) inherits: &'a BTreeSet<Capability>,
}

/// How a dependency is kept from the kinds of configuration that it does not inherit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// The composed component keeps the denied imports under other names, and this runtime rejects each call of them.
    Runtime,
    /// The composed component contains a guard for the denied imports, so any host can run it.
    Guard,
}

/// Satisfies the imports of `component` that `plugs` lists. The exports of `component` stay the same. If a plug (a dependency)
/// does not inherit a kind of configuration, the plug cannot call the host's interfaces of that kind.
///
/// # Errors
/// A text that names the interface and the cause.
pub(crate) fn compose(
    component: &[u8],
    plugs: &[Plug<'_>],
    isolation: Isolation,
) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "app:socket", component)?;
    let root = graph.instantiate(socket);
    let mut instances: HashMap<_, (PackageId, NodeId)> = HashMap::new();

    for plug in plugs {
        let imports = import_names(&graph, socket);
        let wanted: Vec<String> = imports
            .into_iter()
            .filter(|import| selects(plug.interface, import))
            .collect();
        if wanted.is_empty() {
            return Err(format!("the component does not import {}", plug.interface));
        }
        let instance_key = (plug.source, plug.inherits);
        let (package, instance) = match instances.get(&instance_key) {
            Some(known) => *known,
            None => {
                let number = instances.len();
                let (package, instance) = instantiate(&mut graph, plug, number, isolation)
                    .map_err(|reason| format!("{}: {reason}", plug.source))?;
                instances.insert(instance_key, (package, instance));
                (package, instance)
            }
        };
        let exports = export_names(&graph, package);
        for import in wanted {
            let export = plug.export.unwrap_or(&import);
            if !exports.iter().any(|name| name == export) {
                return Err(format!("{} does not export {export}", plug.source));
            }
            let argument = graph
                .alias_instance_export(instance, export)
                .map_err(|e| format!("{}: {e}", plug.interface))?;
            graph
                .set_instantiation_argument(root, &import, argument)
                .map_err(|e| format!("{}: {:#}", plug.interface, e))?;
        }
    }

    for export in export_names(&graph, socket) {
        graph
            .alias_instance_export(root, &export)
            .map_err(|e| e.to_string())
            .and_then(|node| graph.export(node, &export).map_err(|e| e.to_string()))?;
    }
    graph
        .encode(EncodeOptions::default())
        .map_err(|e| e.to_string())
}

/// Adds an instance of the dependency to the graph. `number` makes the names in the graph different.
fn instantiate(
    graph: &mut CompositionGraph,
    plug: &Plug<'_>,
    number: usize,
    isolation: Isolation,
) -> Result<(PackageId, NodeId), String> {
    let denied =
        |import: &str| capability(import).is_some_and(|kind| !plug.inherits.contains(&kind));
    let name = format!("app:plug{number}");
    if isolation == Isolation::Runtime {
        let package = register(graph, &name, &isolate(plug.bytes, denied)?)?;
        return Ok((package, graph.instantiate(package)));
    }
    let package = register(graph, &name, plug.bytes)?;
    let instance = graph.instantiate(package);
    if let Some(guard) = guard(plug.bytes, denied)? {
        let package = register(graph, &format!("app:guard{number}"), &guard.bytes)?;
        let guarding = graph.instantiate(package);
        for interface in guard.interfaces {
            let argument = graph
                .alias_instance_export(guarding, &interface)
                .map_err(|error| format!("{interface}: {error}"))?;
            graph
                .set_instantiation_argument(instance, &interface, argument)
                .map_err(|error| format!("{interface}: {error:#}"))?;
        }
    }
    Ok((package, instance))
}

fn register(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<PackageId, String> {
    let package = Package::from_bytes(name, None, bytes, graph.types_mut());
    let package = package.map_err(|e| format!("the file is not a component: {e:#}"))?;
    graph.register_package(package).map_err(|e| e.to_string())
}

fn import_names(graph: &CompositionGraph, package: PackageId) -> Vec<String> {
    let world = &graph.types()[graph[package].ty()];
    world.imports.keys().cloned().collect()
}

fn export_names(graph: &CompositionGraph, package: PackageId) -> Vec<String> {
    let world = &graph.types()[graph[package].ty()];
    world.exports.keys().cloned().collect()
}

/// Whether the name of a dependency in a manifest selects `import`, as in Spin. The name is an interface or a whole package, and
/// its version is optional.
fn selects(name: &str, import: &str) -> bool {
    let (import_path, import_version) = split_version(import);
    let (path, version) = split_version(name);
    let same_path =
        import_path == path || (!path.contains('/') && import_path.split('/').next() == Some(path));
    same_path && (version.is_empty() || version == import_version)
}

fn split_version(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}
