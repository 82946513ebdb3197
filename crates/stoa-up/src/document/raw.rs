//! The shape of the parts of an OpenAPI document that this crate reads.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct RawDocument {
    pub(super) paths: BTreeMap<String, RawPath>,
    #[serde(default)]
    security: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
pub(super) struct RawPath {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<String>,
    #[serde(rename = "x-internal", default)]
    internal: bool,
    get: Option<RawOperation>,
    put: Option<RawOperation>,
    post: Option<RawOperation>,
    delete: Option<RawOperation>,
    patch: Option<RawOperation>,
    head: Option<RawOperation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawOperation {
    pub(super) operation_id: Option<String>,
    #[serde(rename = "x-internal", default)]
    internal: bool,
    #[serde(rename = "x-timer")]
    pub(super) timer: Option<String>,
    security: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    responses: serde_json::Value,
}

impl RawDocument {
    /// The first path without parameters whose GET operation responds with JSON, and needs no authentication.
    pub(super) fn first_get(&self) -> Option<String> {
        let found = self.paths.iter().find(|(path, item)| {
            item.get.as_ref().is_some_and(|get| {
                let security = get.security.as_ref().unwrap_or(&self.security);
                let json = get.responses.pointer("/200/content/application~1json");
                let internal = item.internal || get.internal;
                !path.contains('{') && !internal && security.is_empty() && json.is_some()
            })
        });
        found.map(|(path, _)| path.clone())
    }
}

impl RawPath {
    pub(super) fn operations(&self) -> impl Iterator<Item = (Method, &RawOperation)> {
        let all = [
            (Method::GET, &self.get),
            (Method::PUT, &self.put),
            (Method::POST, &self.post),
            (Method::DELETE, &self.delete),
            (Method::PATCH, &self.patch),
            (Method::HEAD, &self.head),
        ];
        all.into_iter()
            .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
    }

    /// The methods of this path that the main listener serves.
    pub(super) fn exposed_methods(&self) -> impl Iterator<Item = Method> {
        self.operations()
            .filter(|(_, operation)| !self.internal && !operation.internal)
            .map(|(method, _)| method)
    }
}
