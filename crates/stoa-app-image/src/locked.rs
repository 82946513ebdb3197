//! The locked application: the JSON document from which Spin loads an application. Spin's crate `spin-locked-app` defines its
//! members; this file writes the members that an application of stoa can have.
//!
//! All maps are sorted, and the members have a fixed order, so the same application gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use stoa_manifest::{
    BuildCommand, Declaration, DeclaredBuild, DeclaredComponent, RoutePath, Trigger, Variable,
};

/// The type of the only kind of trigger.
const HTTP: &str = "http";

/// An application. If a component has requirements of its host, the version is 1, and a host of version 0 rejects the application.
#[derive(Serialize)]
pub(crate) struct LockedApp<'a> {
    spin_lock_version: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    must_understand: Vec<&'static str>,
    metadata: AppMetadata<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variables: BTreeMap<&'a str, LockedVariable<'a>>,
    triggers: Vec<LockedTrigger<'a>>,
    components: Vec<LockedComponent<'a>>,
}

#[derive(Serialize)]
struct AppMetadata<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    authors: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    name: &'a str,
    /// The only type of the triggers. Old hosts read this member.
    trigger: TriggerType,
    /// Settings for all triggers of a type. stoa-manifest rejects such settings, so the map is empty.
    triggers: BTreeMap<&'a str, ()>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
}

#[derive(Serialize)]
struct TriggerType {
    r#type: &'static str,
}

/// A variable. A variable without a default is required.
#[derive(Serialize)]
struct LockedVariable<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    secret: bool,
}

#[derive(Serialize)]
struct LockedTrigger<'a> {
    id: String,
    trigger_type: &'static str,
    trigger_config: TriggerConfig<'a>,
}

#[derive(Serialize)]
struct TriggerConfig<'a> {
    component: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    executor: Option<Executor<'a>>,
    #[serde(serialize_with = "route")]
    route: &'a RoutePath,
}

#[derive(Serialize)]
struct Executor<'a> {
    r#type: &'a str,
}

#[derive(Serialize)]
struct LockedComponent<'a> {
    id: &'a str,
    metadata: ComponentMetadata<'a>,
    source: Source<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: &'a BTreeMap<String, String>,
    /// The component's variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    config: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    host_requirements: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct ComponentMetadata<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    allowed_outbound_hosts: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<LockedBuild<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    databases: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    key_value_stores: &'a [String],
}

#[derive(Serialize)]
struct LockedBuild<'a> {
    command: LockedCommand<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    watch: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    workdir: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum LockedCommand<'a> {
    One(&'a str),
    List(&'a [String]),
}

#[derive(Serialize)]
struct Source<'a> {
    content_type: &'static str,
    /// The digest of the layer that contains the component.
    digest: &'a str,
}

impl<'a> LockedApp<'a> {
    /// The locked application. `digests` has the digest of each component's layer, by the component's id.
    pub(crate) fn new(app: &'a Declaration, digests: &'a BTreeMap<&str, String>) -> Self {
        let component = |component: &'a DeclaredComponent| {
            let digest = digests.get(&*component.id)?;
            Some(locked_component(component, digest))
        };
        let components: Vec<_> = app.components.iter().filter_map(component).collect();
        let has_requirements = components.iter().any(|c| !c.host_requirements.is_empty());
        let variables = app.variables.iter();
        Self {
            spin_lock_version: u8::from(has_requirements),
            must_understand: match has_requirements {
                true => vec!["component_host_requirements"],
                false => Vec::new(),
            },
            metadata: AppMetadata {
                authors: &app.authors,
                description: &app.description,
                name: &app.name,
                trigger: TriggerType { r#type: HTTP },
                triggers: BTreeMap::new(),
                version: &app.version,
            },
            variables: variables.map(|(n, v)| (&**n, locked_variable(v))).collect(),
            triggers: triggers(&app.triggers),
            components,
        }
    }
}

fn locked_variable(variable: &Variable) -> LockedVariable<'_> {
    LockedVariable {
        description: variable.description.as_deref(),
        default: variable.default.as_deref(),
        secret: variable.secret,
    }
}

/// The triggers. As in Spin, a trigger without an id gets the id `COMPONENT-http-trigger`, or `http-triggerNUMBER` if another trigger
/// has that id.
fn triggers<'a>(triggers: &'a [Trigger]) -> Vec<LockedTrigger<'a>> {
    let mut ids: BTreeSet<String> = triggers.iter().filter_map(|t| t.id.clone()).collect();
    let mut number = 1;
    let mut new_id = |trigger: &Trigger| {
        let mut id = format!("{}-{HTTP}-trigger", trigger.component);
        while !ids.insert(id.clone()) {
            id = format!("{HTTP}-trigger{number}");
            number += 1;
        }
        id
    };
    let locked = |trigger: &'a Trigger| LockedTrigger {
        id: trigger.id.clone().unwrap_or_else(|| new_id(trigger)),
        trigger_type: HTTP,
        trigger_config: TriggerConfig {
            component: &trigger.component,
            executor: trigger
                .executor
                .as_deref()
                .map(|r#type| Executor { r#type }),
            route: &trigger.path,
        },
    };
    triggers.iter().map(locked).collect()
}

fn locked_component<'a>(component: &'a DeclaredComponent, digest: &'a str) -> LockedComponent<'a> {
    LockedComponent {
        id: &component.id,
        metadata: ComponentMetadata {
            allowed_outbound_hosts: &component.allowed_outbound_hosts,
            build: component.build.as_ref().map(locked_build),
            databases: &component.sqlite_databases,
            description: &component.description,
            key_value_stores: &component.key_value_stores,
        },
        source: Source {
            content_type: "application/wasm",
            digest,
        },
        env: &component.environment,
        config: &component.variables,
        host_requirements: match component.calls_components {
            true => BTreeMap::from([("local_service_chaining", "required")]),
            false => BTreeMap::new(),
        },
    }
}

fn locked_build(build: &DeclaredBuild) -> LockedBuild<'_> {
    LockedBuild {
        command: match &build.command {
            BuildCommand::One(command) => LockedCommand::One(command),
            BuildCommand::List(commands) => LockedCommand::List(commands),
        },
        watch: &build.watch,
        workdir: build.workdir.as_deref(),
    }
}

/// Writes a route as a path, or as `{"private": true}`.
fn route<S: Serializer>(route: &RoutePath, serializer: S) -> Result<S::Ok, S::Error> {
    match route {
        RoutePath::Public(path) => serializer.serialize_str(path),
        RoutePath::Private => BTreeMap::from([("private", true)]).serialize(serializer),
    }
}
