//! `openapi.yaml` (the shop) and `partners.yaml` (simulated third parties), for tests that check services against them.
//!
//! [`Contract::check_answer`] reports violations in a response: an undocumented status, or a body that does not match.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// An OpenAPI document.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    /// Keyed by the schema as text. Building a validator processes all components of the document, 1,000 times the work of using it.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// One operation of a document.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// In upper case.
    pub method: &'a str,
    /// With `{name}` for parameters.
    pub path: &'a str,
    /// The operation object.
    pub object: &'a Value,
}

const METHODS: [(&str, &str); 5] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("patch", "PATCH"),
];

impl Contract {
    /// The shop's interface.
    ///
    /// # Errors
    /// The parse error, if the YAML is invalid.
    pub fn shop() -> Result<Self, String> {
        Self::parse(include_str!("../openapi.yaml"))
    }

    /// The third parties' interface.
    ///
    /// # Errors
    /// The parse error, if the YAML is invalid.
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

    /// Every operation, by path.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document.get("paths").and_then(Value::as_object);
        paths
            .into_iter()
            .flatten()
            .flat_map(|(path, item)| operations_of(path, item))
            .collect()
    }

    /// The operation that matches a request; `path` as it was sent, without its query. A literal path wins over one with parameters.
    pub fn find(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let fits =
            |operation: &Operation<'_>| operation.method == method && matches(operation.path, path);
        self.operations()
            .into_iter()
            .filter(fits)
            .min_by_key(|operation| operation.path.matches('{').count())
    }

    /// Follows `pointer` (such as `#/components/schemas/Money`) until the value is not a reference.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        // A cycle would be a mistake in the document: no chain is this long.
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
    /// The place of each mismatch, with the reason.
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
        let known = || {
            self.validators
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(validator) = known().get(&text) {
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
            .map_err(|e| format!("schema: {e}"))?;
        let validator = Arc::new(validator);
        known().insert(text, Arc::clone(&validator));
        Ok(validator)
    }

    /// Checks a response against its documented operation: status, content type and body.
    ///
    /// # Errors
    /// The mismatches.
    pub fn check_answer(
        &self,
        method: &str,
        path: &str,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<(), String> {
        let place = format!("{method} {path} -> {status}");
        let operation = self
            .find(method, path)
            .ok_or_else(|| format!("{place}: no such operation"))?;
        let answers = operation.object.get("responses");
        let answer = answers
            .and_then(|all| all.get(status.to_string()))
            // `default` is for errors: an undocumented success is a mismatch.
            .or_else(|| answers.filter(|_| status >= 400)?.get("default"))
            .and_then(|answer| self.resolve(answer))
            .ok_or_else(|| format!("{place}: the status is not documented"))?;
        let Some(content) = answer.get("content").and_then(Value::as_object) else {
            return if body.is_empty() {
                Ok(())
            } else {
                Err(format!("{place}: a body where none is documented"))
            };
        };
        let kind = content_type.unwrap_or_default().split(';').next();
        let kind = kind.unwrap_or_default().trim();
        let schema = content
            .get(kind)
            .and_then(|media| media.get("schema"))
            .ok_or_else(|| format!("{place}: content type `{kind}` is not documented"))?;
        if !kind.ends_with("json") {
            return Ok(());
        }
        let value = serde_json::from_slice(body).map_err(|e| format!("{place}: {e}"))?;
        self.check(schema, &value)
            .map_err(|fault| format!("{place}: {fault}"))
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

fn matches(pattern: &str, path: &str) -> bool {
    let mut sent = path.split('/');
    let all = pattern.split('/').all(|expected| match sent.next() {
        Some(segment) if expected.starts_with('{') => !segment.is_empty(),
        Some(segment) => segment == expected,
        None => false,
    });
    all && sent.next().is_none()
}

impl<'a> Operation<'a> {
    /// `METHOD /path`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The service it belongs to.
    pub fn tag(&self) -> Option<&'a str> {
        self.object.pointer("/tags/0").and_then(Value::as_str)
    }

    /// Whether only other services may call it.
    pub fn is_internal(&self) -> bool {
        self.object.get("x-internal") == Some(&Value::Bool(true))
    }
}
