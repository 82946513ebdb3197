//! Satisfies a component's imports with other components, once, at load time.
use std::collections::{BTreeSet, HashMap};

use stoa_manifest::Capability;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId};

use crate::component::isolate;
use crate::host::imports::capability;

/// One dependency, with its bytes.
pub(crate) struct Plug<'a> {
    /// `ns:package/interface@version`, or a whole package `ns:package@version`.
    pub(crate) interface: &'a str,
    /// The export to use if its name differs from that of the import.
    pub(crate) export: Option<&'a str>,
    /// Identifies the component: uses with the same source share one instance.
    pub(crate) source: &'a str,
    pub(crate) bytes: &'a [u8],
    /// The grants of its user that it shares.
    pub(crate) inherits: &'a BTreeSet<Capability>,
}

/// Satisfies the imports of `component` that `plugs` lists; its exports stay the same. A plug that does not inherit a kind of
/// configuration cannot reach the host's interfaces of that kind.
///
/// # Errors
/// A sentence that names the interface.
pub(crate) fn compose(component: &[u8], plugs: &[Plug<'_>]) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "app:socket", component)?;
    let root = graph.instantiate(socket);
    let mut instances: HashMap<_, (PackageId, NodeId)> = HashMap::new();

    for plug in plugs {
        let imports = names(&graph, socket, Side::Imports);
        let wanted: Vec<String> = imports
            .into_iter()
            .filter(|import| covers(plug.interface, import))
            .collect();
        if wanted.is_empty() {
            return Err(format!("it does not import {}", plug.interface));
        }
        let instance_of = (plug.source, plug.inherits);
        let (package, instance) = match instances.get(&instance_of) {
            Some(known) => *known,
            None => {
                let name = format!("app:plug{}", instances.len());
                let isolated = isolate(plug.bytes, |import| {
                    capability(import).is_some_and(|kind| !plug.inherits.contains(&kind))
                })
                .map_err(|reason| format!("{}: {reason}", plug.source))?;
                let package = register(&mut graph, &name, &isolated)?;
                let instance = graph.instantiate(package);
                instances.insert(instance_of, (package, instance));
                (package, instance)
            }
        };
        let exports = names(&graph, package, Side::Exports);
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

    for export in names(&graph, socket, Side::Exports) {
        graph
            .alias_instance_export(root, &export)
            .map_err(|e| e.to_string())
            .and_then(|node| graph.export(node, &export).map_err(|e| e.to_string()))?;
    }
    graph
        .encode(EncodeOptions::default())
        .map_err(|e| e.to_string())
}

fn register(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<PackageId, String> {
    let package = Package::from_bytes(name, None, bytes, graph.types_mut());
    let package = package.map_err(|e| format!("not a component: {e:#}"))?;
    graph.register_package(package).map_err(|e| e.to_string())
}

enum Side {
    Imports,
    Exports,
}

fn names(graph: &CompositionGraph, package: PackageId, side: Side) -> Vec<String> {
    let world = &graph.types()[graph[package].ty()];
    match side {
        Side::Imports => world.imports.keys().cloned().collect(),
        Side::Exports => world.exports.keys().cloned().collect(),
    }
}

/// Whether `name` from a manifest means `import`, as in Spin. It is an interface, or a package without one; a version is
/// optional.
fn covers(name: &str, import: &str) -> bool {
    let (import_path, import_version) = split(import);
    let (path, version) = split(name);
    let same_path =
        import_path == path || (!path.contains('/') && import_path.split('/').next() == Some(path));
    same_path && (version.is_empty() || version == import_version)
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}
