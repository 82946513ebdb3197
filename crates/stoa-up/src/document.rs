//! Reads which operations of an OpenAPI document are internal, and which operations have a timer.
//!
//! This module reads two extensions of OpenAPI. With `x-internal: true`, an operation, or all operations of a path, are internal:
//! without a mesh, the main listener does not serve them. (In a mesh, the main listener is the gateway, and the manifests define
//! its routes.) With `x-timer: 5s`, `stoa up` calls an operation every 5 s. The module ignores the parts of the document that only
//! other tools need. `document/raw.rs` defines the shape of the document.

mod raw;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http::Method;
use stoa_runtime::Exposure;

use crate::duration::parse_duration;
use crate::exposure::ExposedPaths;
use raw::{RawDocument, RawOperation};

/// The parts of an OpenAPI document that affect a run.
#[derive(Debug, Clone, Default)]
pub struct Document {
    exposed: ExposedPaths,
    /// The operations that are called periodically.
    pub timers: Vec<Timer>,
    /// A path that a user can try first. A GET request to this path needs no authentication, and its response is JSON.
    pub first_get: Option<String>,
}

/// An operation that is called periodically.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// The operation's `operationId`, for the log.
    pub operation: String,
    /// The operation's method.
    pub method: Method,
    /// The operation's path, which has no parameters.
    pub path: String,
    /// Time from the end of one call to the start of the next call.
    pub period: Duration,
}

/// All errors in a document. They are shown one per line.
#[derive(Debug, thiserror::Error)]
pub struct BadDocument(Vec<String>);

impl fmt::Display for BadDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Document {
    /// Parses a document in YAML or JSON. Each error message begins with `file`, the path of the document.
    ///
    /// # Errors
    /// [`BadDocument`] with all errors in the document.
    pub fn parse(text: &str, file: &Path) -> Result<Self, BadDocument> {
        let file = file.display();
        let raw: RawDocument = serde_saphyr::from_str(text)
            .map_err(|error| BadDocument(vec![format!("{file}: {error}")]))?;
        let mut document = Self::default();
        let mut faults = Vec::new();
        for (path, item) in &raw.paths {
            let added = document.exposed.add(path, item.exposed_methods());
            let reference = "$ref is not supported for a path; write the path's operations here";
            match added {
                Ok(()) if item.reference.is_some() => {
                    faults.push(format!("{file}: paths.{path:?}: {reference}"));
                }
                Ok(()) => {}
                Err(message) => faults.push(format!("{file}: paths.{path:?}: {message}")),
            }
            for (method, operation) in item.operations() {
                let Some(every) = &operation.timer else {
                    continue;
                };
                match timer(method.clone(), path, every, operation) {
                    Ok(timer) => document.timers.push(timer),
                    Err(message) => faults.push(format!(
                        "{file}: paths.{path:?}.{method}.x-timer: {message}"
                    )),
                }
            }
        }
        if !faults.is_empty() {
            return Err(BadDocument(faults));
        }
        document.first_get = raw.first_get();
        Ok(document)
    }

    /// States whether the main listener serves `method` at `path`. `path` is the path in the client's request, without its query.
    pub fn exposure(&self, method: &Method, path: &str) -> Exposure {
        self.exposed.exposure(method, path)
    }
}

fn timer(
    method: Method,
    path: &str,
    every: &str,
    operation: &RawOperation,
) -> Result<Timer, String> {
    let period =
        parse_duration(every).map_err(|error| format!("invalid value {every:?}: {error}"))?;
    let operation = operation
        .operation_id
        .clone()
        .ok_or("an operation with x-timer needs an operationId")?;
    if path.contains('{') {
        return Err("an operation with x-timer cannot have a path with parameters".to_owned());
    }
    Ok(Timer {
        operation,
        method,
        path: path.to_owned(),
        period,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"
openapi: 3.1.0
security: [{bearer: []}]
paths:
  /cart:
    get: {responses: {'200': {content: {application/json: {}}}}}
  /product:
    get: {security: [], responses: {'200': {content: {application/json: {schema: {}}}}}}
    post: {x-internal: true}
  /product/{product_id}:
    get: {}
  /product/secret:
    x-internal: true
    get: {}
  /shop/:
    get: {security: []}
  /internal/outbox:
    post: {operationId: flush, x-internal: true, x-timer: 5s}
"#;

    fn document() -> Document {
        Document::parse(DOCUMENT, Path::new("api.yaml")).unwrap()
    }

    #[test]
    fn operations_are_exposed_if_the_document_has_them_and_they_are_not_internal() {
        use Exposure::{Hidden, Open};
        let document = document();
        for (method, path) in [
            (Method::GET, "/cart"),
            (Method::HEAD, "/product"),
            (Method::OPTIONS, "/product"),
            (Method::GET, "/product/secrets"),
            (Method::GET, "/product/%2e%2e"),
            (Method::GET, "/shop/"),
        ] {
            assert_eq!(document.exposure(&method, path), Open, "{method} {path}");
        }
        for (path, allowed) in [
            ("/cart", "GET HEAD OPTIONS"),
            ("/product", "GET HEAD OPTIONS"),
        ] {
            let Exposure::OnlyMethods(methods) = document.exposure(&Method::POST, path) else {
                panic!("{path}");
            };
            let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
            assert_eq!(methods.join(" "), allowed, "{path}");
        }
        for (method, path) in [
            (Method::GET, "/product/secret"),
            (Method::OPTIONS, "/product/secret"),
            (Method::GET, "/product/"),
            (Method::GET, "/product/.."),
            (Method::GET, "/product/a/b"),
            (Method::GET, "/cart/"),
            (Method::GET, "//cart"),
            (Method::GET, "/shop"),
            (Method::POST, "/internal/outbox"),
            (Method::OPTIONS, "/internal/outbox"),
            (Method::GET, "/"),
            (Method::OPTIONS, "*"),
        ] {
            assert_eq!(document.exposure(&method, path), Hidden, "{method} {path}");
        }
    }

    #[test]
    fn the_timers_and_a_path_for_a_first_request_are_found() {
        let document = document();
        let [timer] = document.timers.as_slice() else {
            panic!("{:?}", document.timers)
        };
        assert_eq!(
            (timer.operation.as_str(), timer.path.as_str(), timer.period),
            ("flush", "/internal/outbox", Duration::from_secs(5))
        );
        assert_eq!(timer.method, Method::POST);
        assert_eq!(document.first_get.as_deref(), Some("/product"));
    }

    #[test]
    fn all_faults_of_a_document_are_reported_together() {
        let text = "paths:\n  a: {}\n  /b: {get: {x-timer: soon}}\n  /c/{d}: {get: {operationId: x, x-timer: 5s}}\n  /e{f}: {}\n  \
                    /g: {get: {x-timer: 5s}}\n  /h: {$ref: x}\n";
        let faults = Document::parse(text, Path::new("api.yaml"))
            .unwrap_err()
            .to_string();
        for words in [
            "must begin with",
            "invalid value \"soon\": expected a duration",
            "a path with parameters",
            "mixes text",
            "needs an operationId",
            "$ref",
        ] {
            assert!(faults.contains(words), "{words} in {faults}");
        }
        assert_eq!(faults.lines().count(), 6, "{faults}");
        let broken = Document::parse("paths: [", Path::new("api.yaml"))
            .unwrap_err()
            .to_string();
        assert!(broken.starts_with("api.yaml: "), "{broken}");
    }
}
