//! Reads a SpinApp, SpinKube's resource, for a run on one machine: the release, the components and the variables.
//!
//! The fields are those of `core.spinkube.dev/v1alpha1` in spin-operator 0.6.1. Fields that only a cluster can use are accepted
//! and ignored, memory limits among them. A field that would change what a component does, and that is not supported here, is a
//! fault.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A SpinApp with every part checked that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpinApp {
    /// Its namespace.
    pub namespace: String,
    /// Its name, `reviews-v1`.
    pub name: String,
    /// The tag of its image, which is the version of the application.
    pub version: String,
    /// The components it runs; all if empty.
    pub components: Vec<String>,
    /// Application variables.
    pub variables: BTreeMap<String, String>,
}

/// A fault of a SpinApp.
#[derive(Debug, thiserror::Error)]
#[error("SpinApp {name}: {reason}")]
pub struct BadSpinApp {
    /// Its name, or a placeholder if it has none.
    pub name: String,
    /// Field, value, and what was expected.
    pub reason: String,
}

#[derive(Deserialize)]
struct Raw {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default = "default_namespace")]
    namespace: String,
}

fn default_namespace() -> String {
    "default".to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    image: String,
    #[serde(default)]
    components: Vec<String>,
    #[serde(default)]
    variables: Vec<Variable>,
    #[serde(rename = "runtimeConfig")]
    runtime_config: Option<Value>,
    #[serde(rename = "executor")]
    _executor: Option<String>,
    #[serde(rename = "replicas")]
    _replicas: Option<u32>,
    #[serde(rename = "enableAutoscaling")]
    _enable_autoscaling: Option<bool>,
    #[serde(rename = "serviceAccountName")]
    _service_account_name: Option<String>,
    #[serde(rename = "checks")]
    _checks: Option<Value>,
    #[serde(rename = "resources")]
    _resources: Option<Value>,
    #[serde(rename = "podLabels")]
    _pod_labels: Option<Value>,
    #[serde(rename = "podAnnotations")]
    _pod_annotations: Option<Value>,
    #[serde(rename = "serviceAnnotations")]
    _service_annotations: Option<Value>,
    #[serde(rename = "deploymentAnnotations")]
    _deployment_annotations: Option<Value>,
    #[serde(rename = "imagePullSecrets")]
    _image_pull_secrets: Option<Value>,
    #[serde(rename = "volumes")]
    _volumes: Option<Value>,
    #[serde(rename = "volumeMounts")]
    _volume_mounts: Option<Value>,
    #[serde(rename = "invocationLimits")]
    _invocation_limits: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Variable {
    name: String,
    value: Option<String>,
    value_from: Option<Value>,
}

impl SpinApp {
    /// Reads a SpinApp in JSON, as kubectl prints it.
    ///
    /// # Errors
    /// The first fault.
    pub fn read(json: &Value) -> Result<Self, BadSpinApp> {
        let name = json.pointer("/metadata/name").and_then(Value::as_str);
        let bad = |reason: String| BadSpinApp {
            name: name.unwrap_or("without a name").to_owned(),
            reason,
        };
        let raw = Raw::deserialize(json).map_err(|error| bad(error.to_string()))?;
        let spec = raw.spec;
        // The operator's webhook adds an empty one to each SpinApp, so the dump of a cluster contains it.
        if spec
            .runtime_config
            .is_some_and(|config| config != Value::Object(Map::new()))
        {
            return Err(bad(
                "spec.runtimeConfig is not supported on one machine".to_owned()
            ));
        }
        let tag = spec
            .image
            .rsplit('/')
            .next()
            .and_then(|last| last.split_once(':'));
        let Some((_, version)) = tag.filter(|(_, tag)| !tag.is_empty() && !tag.contains('@'))
        else {
            let image = &spec.image;
            return Err(bad(format!(
                "spec.image is {image:?}: expected an image with a tag, which is the version of the application"
            )));
        };
        let mut variables = BTreeMap::new();
        for variable in spec.variables {
            let Variable {
                name,
                value,
                value_from,
            } = variable;
            if value_from.is_some() {
                return Err(bad(format!(
                    "spec.variables: {name} has a valueFrom, which needs a cluster: set it by --variable, or in the overlay"
                )));
            }
            // As the operator does.
            variables.insert(name, value.unwrap_or_default());
        }
        Ok(Self {
            namespace: raw.metadata.namespace,
            name: raw.metadata.name,
            version: version.to_owned(),
            components: spec.components,
            variables,
        })
    }
}
