//! What an OpenAPI document says about who may call an app and what it wants called from time to time.
//!
//! Three extensions are read, on an operation or on a whole path: `x-internal: true` keeps it off the main listener,
//! `x-timer: 5s` has it called that often. All else in the document is left to others.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use stoa_runtime::Exposure;

/// The parts of an OpenAPI document this program acts on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Api {
    paths: Vec<ApiPath>,
    /// What to call from time to time.
    pub(crate) timers: Vec<Timer>,
    /// A path anyone may GET for JSON, to show someone who wants to try.
    pub(crate) first_get: Option<String>,
}

/// An operation to call again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Timer {
    /// Its `operationId`, for the log.
    pub(crate) operation: String,
    pub(crate) method: http::Method,
    pub(crate) path: String,
    /// From the end of one call to the start of the next.
    pub(crate) period: Duration,
}

#[derive(Debug, Clone)]
struct ApiPath {
    segments: Vec<Segment>,
    /// The methods open to everyone.
    open: Vec<http::Method>,
}

/// In the order of precedence: what is spelled out wins over what stands for anything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter,
}

/// Everything that is wrong with a document, one a line.
#[derive(Debug, thiserror::Error)]
pub(crate) struct BadApi(Vec<String>);

impl fmt::Display for BadApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

#[derive(Deserialize)]
struct RawApi {
    paths: BTreeMap<String, RawPath>,
    #[serde(default)]
    security: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct RawPath {
    #[serde(rename = "$ref")]
    reference: Option<String>,
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
struct RawOperation {
    operation_id: Option<String>,
    #[serde(rename = "x-internal", default)]
    internal: bool,
    #[serde(rename = "x-timer")]
    timer: Option<String>,
    security: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    responses: serde_json::Value,
}

impl Api {
    /// Parses a document in YAML (or JSON, which is YAML); `file` is what faults name.
    ///
    /// # Errors
    /// Every fault of the document together.
    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, BadApi> {
        let file = file.display();
        let raw: RawApi = serde_saphyr::from_str(text)
            .map_err(|error| BadApi(vec![format!("{file}: {error}")]))?;
        let mut api = Self::default();
        let mut faults = Vec::new();
        for (path, item) in &raw.paths {
            match segments(path) {
                Ok(_) if item.reference.is_some() => {
                    faults.push(format!(
                        "{file}: paths.{path:?}: $ref is not supported; write the operations here"
                    ));
                }
                Ok(segments) => {
                    let open = item
                        .operations()
                        .filter(|(_, operation)| !item.internal && !operation.internal);
                    let mut open: Vec<_> = open.map(|(method, _)| method).collect();
                    if open.contains(&http::Method::GET) {
                        open.push(http::Method::HEAD);
                    }
                    if !open.is_empty() {
                        open.push(http::Method::OPTIONS);
                    }
                    api.paths.push(ApiPath { segments, open });
                }
                Err(message) => faults.push(format!("{file}: paths.{path:?}: {message}")),
            }
            for (method, operation) in item.operations() {
                let Some(every) = &operation.timer else {
                    continue;
                };
                match timer(method.clone(), path, every, operation) {
                    Ok(timer) => api.timers.push(timer),
                    Err(message) => faults.push(format!(
                        "{file}: paths.{path:?}.{method}.x-timer: {message}"
                    )),
                }
            }
        }
        if !faults.is_empty() {
            return Err(BadApi(faults));
        }
        api.first_get = raw.first_get();
        // The most literal path first, so that the first match is the one meant.
        api.paths.sort_by(|a, b| a.segments.cmp(&b.segments));
        Ok(api)
    }

    /// What the main listener does with `method` at `path` (a path as it was sent, without a query).
    pub(crate) fn exposure(&self, method: &http::Method, path: &str) -> Exposure {
        let Some(rest) = path.strip_prefix('/') else {
            return Exposure::Hidden;
        };
        // No server reads these as plain names, so none is let through.
        if rest.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Exposure::Hidden;
        }
        let found = self.paths.iter().find(|candidate| candidate.matches(rest));
        match found.map(|found| &found.open) {
            Some(open) if open.contains(method) => Exposure::Open,
            Some(open) if !open.is_empty() => Exposure::OtherMethods(open.clone()),
            _ => Exposure::Hidden,
        }
    }
}

impl ApiPath {
    fn matches(&self, path: &str) -> bool {
        let mut segments = self.segments.iter();
        let all = path.split('/').all(|sent| match segments.next() {
            Some(Segment::Literal(literal)) => literal == sent,
            Some(Segment::Parameter) => !sent.is_empty(),
            None => false,
        });
        all && segments.next().is_none()
    }
}

impl RawApi {
    fn first_get(&self) -> Option<String> {
        let found = self.paths.iter().find(|(path, item)| {
            item.get.as_ref().is_some_and(|get| {
                !path.contains('{')
                    && !item.internal
                    && !get.internal
                    && get.security.as_ref().unwrap_or(&self.security).is_empty()
                    && get
                        .responses
                        .pointer("/200/content/application~1json")
                        .is_some()
            })
        });
        found.map(|(path, _)| path.clone())
    }
}

impl RawPath {
    fn operations(&self) -> impl Iterator<Item = (http::Method, &RawOperation)> {
        let all = [
            (http::Method::GET, &self.get),
            (http::Method::PUT, &self.put),
            (http::Method::POST, &self.post),
            (http::Method::DELETE, &self.delete),
            (http::Method::PATCH, &self.patch),
            (http::Method::HEAD, &self.head),
        ];
        all.into_iter()
            .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
    }
}

fn segments(path: &str) -> Result<Vec<Segment>, String> {
    let rest = path.strip_prefix('/').ok_or("a path begins with `/`")?;
    let segment = |segment: &str| {
        let inner = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match inner {
            Some(_) => Ok(Segment::Parameter),
            None if segment.contains(['{', '}']) => {
                Err(format!("{segment:?} mixes text and a parameter"))
            }
            None => Ok(Segment::Literal(segment.to_owned())),
        }
    };
    rest.split('/').map(segment).collect()
}

fn timer(
    method: http::Method,
    path: &str,
    every: &str,
    operation: &RawOperation,
) -> Result<Timer, String> {
    let period = duration(every)
        .ok_or_else(|| format!("{every:?} is no duration; expected 500ms, 5s, 2m or 1h"))?;
    let operation = operation
        .operation_id
        .clone()
        .ok_or("the operation needs an operationId")?;
    if path.contains('{') {
        return Err("the path has a parameter, and a timer knows no value for it".to_owned());
    }
    Ok(Timer {
        operation,
        method,
        path: path.to_owned(),
        period,
    })
}

/// Reads `500ms`, `5s`, `2m` or `1h`; nothing shorter than 10 ms or longer than a day.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let total = number.parse::<u64>().ok()?.checked_mul(milliseconds)?;
    (10..=86_400_000)
        .contains(&total)
        .then(|| Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

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

    fn api() -> Api {
        Api::parse(DOCUMENT, Path::new("api.yaml")).unwrap()
    }

    #[test]
    fn exposes_what_is_listed_and_not_internal() {
        use Exposure::{Hidden, Open};
        let api = api();
        for (method, path) in [
            (Method::GET, "/cart"),
            (Method::HEAD, "/product"),
            (Method::OPTIONS, "/product"),
            (Method::GET, "/product/secrets"),
            (Method::GET, "/product/%2e%2e"),
            (Method::GET, "/shop/"),
        ] {
            assert_eq!(api.exposure(&method, path), Open, "{method} {path}");
        }
        for (path, allowed) in [
            ("/cart", "GET HEAD OPTIONS"),
            ("/product", "GET HEAD OPTIONS"),
        ] {
            let Exposure::OtherMethods(methods) = api.exposure(&Method::POST, path) else {
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
            assert_eq!(api.exposure(&method, path), Hidden, "{method} {path}");
        }
    }

    #[test]
    fn finds_the_timers_and_a_first_thing_to_try() {
        let api = api();
        let [timer] = api.timers.as_slice() else {
            panic!("{:?}", api.timers)
        };
        assert_eq!(
            (timer.operation.as_str(), timer.path.as_str(), timer.period),
            ("flush", "/internal/outbox", Duration::from_secs(5))
        );
        assert_eq!(timer.method, Method::POST);
        assert_eq!(api.first_get.as_deref(), Some("/product"));
    }

    #[test]
    fn reports_all_faults_of_a_document_together() {
        let text = "paths:\n  a: {}\n  /b: {get: {x-timer: 5}}\n  /c/{d}: {get: {operationId: x, x-timer: 5s}}\n  /e{f}: {}\n  \
                    /g: {get: {x-timer: 5s}}\n  /h: {$ref: x}\n";
        let text = text.replace("x-timer: 5}", "x-timer: 5 s}");
        let faults = Api::parse(&text, Path::new("api.yaml"))
            .unwrap_err()
            .to_string();
        for words in [
            "begins with",
            "no duration",
            "knows no value",
            "mixes text",
            "needs an operationId",
            "$ref",
        ] {
            assert!(faults.contains(words), "{words} in {faults}");
        }
        assert_eq!(faults.lines().count(), 6, "{faults}");
        let broken = Api::parse("paths: [", Path::new("api.yaml"))
            .unwrap_err()
            .to_string();
        assert!(broken.starts_with("api.yaml: "), "{broken}");
    }

    #[test]
    fn reads_durations_and_nothing_else() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "5 s",
            "1ms",
            "25h",
            "99999999999999999999s",
            "5sec",
            "٣s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
