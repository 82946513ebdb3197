//! An OpenAPI document's declarations about callers and timers of an application.
//!
//! Two extensions are read. `x-internal: true`, on an operation or on a whole path, keeps it off the main listener.
//! `x-timer: 5s`, on an operation, makes the application call it every 5 s. Other parts of the document are for other tools.
//! `document/raw.rs` defines its shape.

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
    /// An example to try: a path that answers GET with JSON without authentication.
    pub first_get: Option<String>,
}

/// An operation that is called periodically.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Its `operationId`, for the log.
    pub operation: String,
    /// Its method.
    pub method: Method,
    /// Its path, without parameters.
    pub path: String,
    /// Time from the end of one call to the start of the next.
    pub period: Duration,
}

/// All faults of a document, one per line.
#[derive(Debug, thiserror::Error)]
pub struct BadDocument(Vec<String>);

impl fmt::Display for BadDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Document {
    /// Parses a document in YAML, or in JSON, which is a subset of YAML. Faults name `file`.
    ///
    /// # Errors
    /// All faults of the document together.
    pub fn parse(text: &str, file: &Path) -> Result<Self, BadDocument> {
        let file = file.display();
        let raw: RawDocument = serde_saphyr::from_str(text)
            .map_err(|error| BadDocument(vec![format!("{file}: {error}")]))?;
        let mut document = Self::default();
        let mut faults = Vec::new();
        for (path, item) in &raw.paths {
            let added = document.exposed.add(path, item.open());
            let reference = "$ref is not supported; write the operations here";
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

    /// What the main listener does with `method` at `path`. The path is as the client sent it, without a query.
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
    let period = parse_duration(every).map_err(|error| format!("{every:?}: {error}"))?;
    let operation = operation
        .operation_id
        .clone()
        .ok_or("the operation needs an operationId")?;
    if path.contains('{') {
        return Err("the path has a parameter, and a timer has no value for it".to_owned());
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
    fn exposes_what_is_listed_and_not_internal() {
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
            let Exposure::OtherMethods(methods) = document.exposure(&Method::POST, path) else {
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
    fn finds_the_timers_and_a_first_thing_to_try() {
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
    fn reports_all_faults_of_a_document_together() {
        let text = "paths:\n  a: {}\n  /b: {get: {x-timer: soon}}\n  /c/{d}: {get: {operationId: x, x-timer: 5s}}\n  /e{f}: {}\n  \
                    /g: {get: {x-timer: 5s}}\n  /h: {$ref: x}\n";
        let faults = Document::parse(text, Path::new("api.yaml"))
            .unwrap_err()
            .to_string();
        for words in [
            "begins with",
            "\"soon\": expected a duration",
            "no value for it",
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
