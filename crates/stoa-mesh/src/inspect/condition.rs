//! Turns the conditions of an RBAC rule into text.

use serde_json::Value;

use super::matchers::{header, string_match};
use super::value::{items, text};

/// The property of a request that a condition tests. This file calls that property the *subject* of the condition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Caller,
    Method,
    Path,
    Other,
    /// The condition matches every request.
    Always,
    /// The condition matches no request.
    Never,
}

/// A rule's conditions as texts, grouped by the property of a request that they test.
#[derive(Default)]
pub(super) struct Conditions {
    callers: Vec<String>,
    methods: Vec<String>,
    paths: Vec<String>,
    others: Vec<String>,
    matches_nothing: bool,
}

impl Conditions {
    /// Adds a condition. If the condition has several parts that a request must all match, each part is added separately.
    pub(super) fn add(&mut self, condition: &Value) {
        let parts = items(condition, "/and_rules/rules").chain(items(condition, "/and_ids/ids"));
        let parts: Vec<_> = parts.collect();
        if !parts.is_empty() {
            parts.into_iter().for_each(|part| self.add(part));
            return;
        }
        let (subject, text) = describe(condition);
        match subject {
            Subject::Caller => self.callers.push(text),
            Subject::Method => self.methods.push(text),
            Subject::Path => self.paths.push(text),
            Subject::Other => self.others.push(text),
            Subject::Always => {}
            Subject::Never => self.matches_nothing = true,
        }
    }

    /// The conditions as the texts of four columns: the callers, the methods, the paths, and the other conditions.
    pub(super) fn columns(self) -> [String; 4] {
        if self.matches_nothing {
            return ["nobody", "-", "-", ""].map(str::to_owned);
        }
        let or_any = |texts: Vec<String>, any: &str| match texts.as_slice() {
            [] => any.to_owned(),
            texts => texts.join(" and "),
        };
        [
            or_any(self.callers, "anybody"),
            or_any(self.methods, "*"),
            or_any(self.paths, "*"),
            self.others.join(" and "),
        ]
    }
}

/// The property of a request that a condition tests, and the condition as text.
fn describe(condition: &Value) -> (Subject, String) {
    let Some((kind, value)) = condition.as_object().and_then(|c| c.iter().next()) else {
        return (Subject::Other, "?".to_owned());
    };
    match kind.as_str() {
        "any" => (Subject::Always, "*".to_owned()),
        "not_rule" | "not_id" => match describe(value) {
            (Subject::Always, _) => (Subject::Never, String::new()),
            (Subject::Never, _) => (Subject::Always, "*".to_owned()),
            (subject, text) => (subject, format!("not {text}")),
        },
        "or_rules" => alternatives(items(value, "/rules")),
        "or_ids" => alternatives(items(value, "/ids")),
        "and_rules" => all_of(items(value, "/rules")),
        "and_ids" => all_of(items(value, "/ids")),
        "authenticated" => match value.get("principal_name").map(string_match) {
            Some(name) => (Subject::Caller, name),
            None => (Subject::Caller, "anybody with a certificate".to_owned()),
        },
        "url_path" => (
            Subject::Path,
            value.get("path").map(string_match).unwrap_or_default(),
        ),
        "uri_template" => (
            Subject::Path,
            text(value, "/typed_config/path_template").to_owned(),
        ),
        "header" if text(value, "/name") == ":method" => {
            let method = value.get("string_match").map(string_match);
            (Subject::Method, method.unwrap_or_default())
        }
        "header" => (Subject::Other, header(value)),
        "direct_remote_ip" | "remote_ip" | "source_ip" | "destination_ip" => {
            let length = value.get("prefix_len").and_then(Value::as_u64);
            let address = text(value, "/address_prefix");
            (
                Subject::Other,
                format!("{kind} {address}/{}", length.unwrap_or(0)),
            )
        }
        "requested_server_name" => (Subject::Other, format!("{kind} {}", string_match(value))),
        "metadata" | "sourced_metadata" => (Subject::Other, metadata(value)),
        _ => (Subject::Other, format!("{kind} {value}")),
    }
}

/// The text of a condition on a field (a JWT claim) of the request's token.
fn metadata(value: &Value) -> String {
    let value = value.get("metadata_matcher").unwrap_or(value);
    let path = items(value, "/path").map(|part| text(part, "/key"));
    let path = path.collect::<Vec<_>>().join(".");
    let matcher = value.pointer("/value/string_match");
    let matcher = matcher.or_else(|| value.pointer("/value/list_match/one_of/string_match"));
    let expected = matcher.map(string_match).unwrap_or_else(|| "?".to_owned());
    let not = if value.get("invert") == Some(&Value::Bool(true)) {
        "!"
    } else {
        ""
    };
    format!("{not}{path}={expected}")
}

fn alternatives<'a>(parts: impl Iterator<Item = &'a Value>) -> (Subject, String) {
    joined(parts, ", ", " or ")
}

fn all_of<'a>(parts: impl Iterator<Item = &'a Value>) -> (Subject, String) {
    joined(parts, " and ", " and ")
}

/// Joins the texts of several conditions. The separator between the texts is `same_subject` if all conditions test the same
/// property of a request, else `mixed`.
fn joined<'a>(
    parts: impl Iterator<Item = &'a Value>,
    same_subject: &str,
    mixed: &str,
) -> (Subject, String) {
    let parts: Vec<_> = parts.map(describe).collect();
    let subject = match parts.split_first() {
        Some(((first, _), rest)) if rest.iter().all(|(other, _)| other == first) => *first,
        _ => Subject::Other,
    };
    let separator = if subject == Subject::Other {
        mixed
    } else {
        same_subject
    };
    let texts: Vec<_> = parts.into_iter().map(|(_, text)| text).collect();
    (subject, texts.join(separator))
}
