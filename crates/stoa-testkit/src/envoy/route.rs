//! The routes of a test's Envoy.

use serde_json::{Map, Value, json};

/// A route. It consists of conditions on requests, and a destination or a response for the requests that meet the conditions.
#[derive(Debug, Clone)]
pub struct Route {
    matched: Map<String, Value>,
    headers: Vec<Value>,
    then: Map<String, Value>,
}

impl Route {
    /// A route for paths that begin with `prefix`. Envoy responds with 200, until another method sets a destination or a response.
    pub fn prefix(prefix: &str) -> Self {
        let matched = fields(json!({"prefix": prefix}));
        Self {
            matched,
            headers: Vec::new(),
            then: fields(json!({"direct_response": {"status": 200}})),
        }
    }

    /// Matches only requests with this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let header = json!({"name": name, "string_match": {"exact": value}});
        self.headers.push(header);
        self
    }

    /// Sends the requests to a cluster.
    #[must_use]
    pub fn to(self, cluster: &str) -> Self {
        self.then(json!({"route": {"cluster": cluster}}))
    }

    /// Sends the requests to several clusters, by weight.
    #[must_use]
    pub fn weighted(self, clusters: &[(&str, u32)]) -> Self {
        let weights = clusters.iter();
        let weights = weights.map(|(name, weight)| json!({"name": name, "weight": weight}));
        let weights: Vec<_> = weights.collect();
        self.then(json!({"route": {"weighted_clusters": {"clusters": weights}}}))
    }

    /// Lets Envoy itself send this response.
    #[must_use]
    pub fn answers(self, status: u16, body: &str) -> Self {
        let body = json!({"inline_string": body});
        self.then(json!({"direct_response": {"status": status, "body": body}}))
    }

    /// Sets all fields of the route except `match`, in Envoy's JSON.
    #[must_use]
    pub fn then(mut self, beside: Value) -> Self {
        self.then = fields(beside);
        self
    }

    pub(super) fn into_json(mut self) -> Value {
        if !self.headers.is_empty() {
            let headers = Value::Array(self.headers);
            self.matched.insert("headers".to_owned(), headers);
        }
        self.then
            .insert("match".to_owned(), Value::Object(self.matched));
        Value::Object(self.then)
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(), // `value` is not an object; Envoy reports that fields of the route are missing
    }
}
