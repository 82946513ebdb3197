//! Reads a SpinApp, which is SpinKube's resource for a release. A run on one machine uses the release's version, components and
//! variables.
//!
//! The fields are those of `core.spinkube.dev/v1alpha1` in spin-operator 0.6.1. Fields that have an effect only in a cluster, such
//! as memory limits, are accepted and ignored. An unsupported field that changes a component's behavior is an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A SpinApp. All fields that are used on one machine are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpinApp {
    /// The SpinApp's namespace.
    pub namespace: String,
    /// The SpinApp's name, such as `reviews-v1`.
    pub name: String,
    /// The tag of the image, which is the version of the application.
    pub version: String,
    /// The components to run; an empty list selects all components.
    pub components: Vec<String>,
    /// Values of application variables. A variable whose value is in a Secret is missing here: on one machine there are no Secrets,
    /// so the variable keeps the application's default or the value of `--variable`.
    pub variables: BTreeMap<String, String>,
}

/// An error in a SpinApp.
#[derive(Debug, thiserror::Error)]
#[error("SpinApp {name}: {reason}")]
pub struct BadSpinApp {
    /// The SpinApp's name, or the text "without a name".
    pub name: String,
    /// A description of the error: the field, its value, and the expected value.
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
    value_from: Option<Map<String, Value>>,
}

impl SpinApp {
    /// Reads a SpinApp in JSON, as kubectl prints it.
    ///
    /// # Errors
    /// The first error in the SpinApp.
    pub fn read(json: &Value) -> Result<Self, BadSpinApp> {
        let name = json.pointer("/metadata/name").and_then(Value::as_str);
        let bad = |reason: String| BadSpinApp {
            name: name.unwrap_or("without a name").to_owned(),
            reason,
        };
        let raw = Raw::deserialize(json).map_err(|error| bad(error.to_string()))?;
        let spec = raw.spec;
        // spin-operator's webhook adds an empty runtimeConfig to each SpinApp, so an empty runtimeConfig is accepted.
        if spec
            .runtime_config
            .is_some_and(|config| config != Value::Object(Map::new()))
        {
            return Err(bad(
                "spec.runtimeConfig: not supported outside a cluster".to_owned()
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
                "spec.image: found {image:?}; expected an image with a tag, because the tag is the version of the application"
            )));
        };
        let mut variables = BTreeMap::new();
        for variable in spec.variables {
            let Variable {
                name,
                value,
                value_from,
            } = variable;
            match value_from {
                Some(source) if source.contains_key("secretKeyRef") => continue,
                Some(source) => {
                    let source = source.keys().next().map_or("nothing", String::as_str);
                    return Err(bad(format!(
                        "spec.variables: the value of {name} comes from {source}, which needs a cluster; expected `value` or a secretKeyRef"
                    )));
                }
                None => {}
            }
            // As in spin-operator, a variable that has no `value` gets an empty text.
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
