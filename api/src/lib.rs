//! The OpenAPI documents `openapi.yaml` (the shop) and `partners.yaml` (the stand-ins for third parties). Tests check the services
//! against these documents.
//!
//! [`Contract::check_answer`] checks a response, and reports an undocumented status or a body that does not match the schema.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// An OpenAPI document, against which tests check responses.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    /// Cached validators, by the text of their schema. To build a validator is 1,000 times the work of a check, because the builder
    /// processes all components of the document.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// One operation of a document.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// The method in upper case, such as `GET`.
    pub method: &'a str,
    /// The path, with parameters as `{name}`.
    pub path: &'a str,
    /// The operation object of the document.
    pub object: &'a Value,
}

/// The HTTP methods. For each method: its name in the document, and its name in requests.
const METHODS: [(&str, &str); 5] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("patch", "PATCH"),
];

impl Contract {
    /// Reads the shop's interface.
    ///
    /// # Errors
    /// If the YAML is invalid.
    pub fn shop() -> Result<Self, String> {
        Self::parse(include_str!("../openapi.yaml"))
    }

    /// Reads the interface of the stand-ins for third parties.
    ///
    /// # Errors
    /// If the YAML is invalid.
    pub fn partners() -> Result<Self, String> {
        Self::parse(include_str!("../partners.yaml"))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
        let validators = Mutex::default();
        Ok(Self {
            document,
            validators,
        })
    }

    /// The whole document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// All operations of the document.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document.get("paths").and_then(Value::as_object);
        paths
            .into_iter()
            .flatten()
            .flat_map(|(path, item)| operations_of(path, item))
            .collect()
    }

    /// Finds the operation for a request. `path` is the path of the request, without the query. If several operations match, the
    /// operation with the fewest path parameters is returned.
    pub fn find(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let is_match = |operation: &Operation<'_>| {
            operation.method == method && path_matches(operation.path, path)
        };
        self.operations()
            .into_iter()
            .filter(is_match)
            .min_by_key(|operation| operation.path.matches('{').count())
    }

    /// Follows references, such as `$ref: '#/components/schemas/Money'`, and returns the first value that is not a reference.
    /// Returns `None` if a reference points to nothing in the document.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        // The limit ends a cycle of references, which would be a mistake in the document. No valid chain has 8 references.
        for _ in 0..8 {
            match value.get("$ref").and_then(Value::as_str) {
                Some(pointer) => value = self.document.pointer(pointer.strip_prefix('#')?)?,
                None => return Some(value),
            }
        }
        None
    }

    /// Checks `value` against `schema`, which may refer to the document's components.
    ///
    /// # Errors
    /// If the value does not match. The error has the location and the reason of each mismatch.
    pub fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let validator = self.validator(schema)?;
        let faults: Vec<_> = validator
            .iter_errors(value)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(format!("{} in {value}", faults.join("; ")))
        }
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let text = schema.to_string();
        let cache = || {
            self.validators
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(validator) = cache().get(&text) {
            return Ok(Arc::clone(validator));
        }
        let mut root = Map::new();
        if let Some(components) = self.document.get("components") {
            root.insert("components".into(), components.clone());
        }
        root.insert("allOf".into(), json!([schema]));
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&Value::Object(root))
            .map_err(|e| format!("cannot compile the schema: {e}"))?;
        let validator = Arc::new(validator);
        cache().insert(text, Arc::clone(&validator));
        Ok(validator)
    }

    /// Checks the status, the content type and the body of a response against the documented operation.
    ///
    /// # Errors
    /// If the response does not match. The error describes the mismatches.
    pub fn check_answer(
        &self,
        method: &str,
        path: &str,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<(), String> {
        let exchange = format!("{method} {path} -> {status}");
        let operation = self
            .find(method, path)
            .ok_or_else(|| format!("{exchange}: the operation is not documented"))?;
        let responses = operation.object.get("responses");
        let response = responses
            .and_then(|all| all.get(status.to_string()))
            // `default` documents only errors, so an undocumented success is a mismatch.
            .or_else(|| responses.filter(|_| status >= 400)?.get("default"))
            .and_then(|response| self.resolve(response))
            .ok_or_else(|| format!("{exchange}: the status is not documented"))?;
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            return if body.is_empty() {
                Ok(())
            } else {
                Err(format!(
                    "{exchange}: the response has a body, but no body is documented"
                ))
            };
        };
        let media_type = content_type.unwrap_or_default().split(';').next();
        let media_type = media_type.unwrap_or_default().trim();
        let schema = content
            .get(media_type)
            .and_then(|media| media.get("schema"))
            .ok_or_else(|| format!("{exchange}: content type `{media_type}` is not documented"))?;
        if !media_type.ends_with("json") {
            return Ok(());
        }
        let value = serde_json::from_slice(body)
            .map_err(|e| format!("{exchange}: the body is not JSON: {e}"))?;
        self.check(schema, &value)
            .map_err(|fault| format!("{exchange}: {fault}"))
    }
}

fn operations_of<'a>(path: &'a str, item: &'a Value) -> Vec<Operation<'a>> {
    METHODS
        .iter()
        .filter_map(|(key, method)| {
            Some(Operation {
                method,
                path,
                object: item.get(key)?,
            })
        })
        .collect()
}

/// True if the `path` of a request matches the documented path `pattern`. A parameter of `pattern`, such as `{sku}`, matches one
/// segment that is not empty.
fn path_matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all_match = pattern.split('/').all(|expected| match segments.next() {
        Some(segment) if expected.starts_with('{') => !segment.is_empty(),
        Some(segment) => segment == expected,
        None => false,
    });
    all_match && segments.next().is_none()
}

impl<'a> Operation<'a> {
    /// The operation as `METHOD /path`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The service of the operation, which is the operation's first tag.
    pub fn tag(&self) -> Option<&'a str> {
        self.object.pointer("/tags/0").and_then(Value::as_str)
    }

    /// Whether only callers inside the mesh may call the operation.
    pub fn is_internal(&self) -> bool {
        self.object.get("x-internal") == Some(&Value::Bool(true))
    }
}
