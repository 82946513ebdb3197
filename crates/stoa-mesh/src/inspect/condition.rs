//! The conditions of an RBAC rule, as text.

use serde_json::Value;

use super::matchers::{header, string_match};
use super::value::{items, text};

/// The subject of a condition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Who,
    Method,
    Path,
    Else,
    Anything,
    Nothing,
}

/// A rule's conditions, by subject.
#[derive(Default)]
pub(super) struct Conditions {
    who: Vec<String>,
    methods: Vec<String>,
    paths: Vec<String>,
    others: Vec<String>,
    never: bool,
}

impl Conditions {
    /// Adds a condition. All parts of a condition must match.
    pub(super) fn add(&mut self, condition: &Value) {
        let parts = items(condition, "/and_rules/rules").chain(items(condition, "/and_ids/ids"));
        let parts: Vec<_> = parts.collect();
        if !parts.is_empty() {
            parts.into_iter().for_each(|part| self.add(part));
            return;
        }
        let (about, text) = described(condition);
        match about {
            About::Who => self.who.push(text),
            About::Method => self.methods.push(text),
            About::Path => self.paths.push(text),
            About::Else => self.others.push(text),
            About::Anything => {}
            About::Nothing => self.never = true,
        }
    }

    /// Callers, methods, paths, other conditions.
    pub(super) fn columns(self) -> [String; 4] {
        if self.never {
            return ["nobody", "-", "-", ""].map(str::to_owned);
        }
        let or_any = |texts: Vec<String>, any: &str| match texts.as_slice() {
            [] => any.to_owned(),
            texts => texts.join(" and "),
        };
        [
            or_any(self.who, "anybody"),
            or_any(self.methods, "*"),
            or_any(self.paths, "*"),
            self.others.join(" and "),
        ]
    }
}

/// A condition's subject, and its text.
fn described(condition: &Value) -> (About, String) {
    let Some((kind, value)) = condition.as_object().and_then(|c| c.iter().next()) else {
        return (About::Else, "?".to_owned());
    };
    match kind.as_str() {
        "any" => (About::Anything, "*".to_owned()),
        "not_rule" | "not_id" => match described(value) {
            (About::Anything, _) => (About::Nothing, String::new()),
            (About::Nothing, _) => (About::Anything, "*".to_owned()),
            (about, text) => (about, format!("not {text}")),
        },
        "or_rules" => alternatives(items(value, "/rules")),
        "or_ids" => alternatives(items(value, "/ids")),
        "and_rules" => all_of(items(value, "/rules")),
        "and_ids" => all_of(items(value, "/ids")),
        "authenticated" => match value.get("principal_name").map(string_match) {
            Some(name) => (About::Who, name),
            None => (About::Who, "anybody with a certificate".to_owned()),
        },
        "url_path" => (
            About::Path,
            value.get("path").map(string_match).unwrap_or_default(),
        ),
        "uri_template" => (
            About::Path,
            text(value, "/typed_config/path_template").to_owned(),
        ),
        "header" if text(value, "/name") == ":method" => {
            let method = value.get("string_match").map(string_match);
            (About::Method, method.unwrap_or_default())
        }
        "header" => (About::Else, header(value)),
        "direct_remote_ip" | "remote_ip" | "source_ip" | "destination_ip" => {
            let length = value.get("prefix_len").and_then(Value::as_u64);
            let address = text(value, "/address_prefix");
            (
                About::Else,
                format!("{kind} {address}/{}", length.unwrap_or(0)),
            )
        }
        "requested_server_name" => (About::Else, format!("{kind} {}", string_match(value))),
        "metadata" | "sourced_metadata" => (About::Else, metadata(value)),
        _ => (About::Else, format!("{kind} {value}")),
    }
}

/// A condition on the claims of a token.
fn metadata(value: &Value) -> String {
    let value = value.get("metadata_matcher").unwrap_or(value);
    let path = items(value, "/path").map(|part| text(part, "/key"));
    let path = path.collect::<Vec<_>>().join(".");
    let is = value.pointer("/value/string_match");
    let is = is.or_else(|| value.pointer("/value/list_match/one_of/string_match"));
    let is = is.map(string_match).unwrap_or_else(|| "?".to_owned());
    let not = if value.get("invert") == Some(&Value::Bool(true)) {
        "!"
    } else {
        ""
    };
    format!("{not}{path}={is}")
}

fn alternatives<'a>(parts: impl Iterator<Item = &'a Value>) -> (About, String) {
    joined(parts, ", ", " or ")
}

fn all_of<'a>(parts: impl Iterator<Item = &'a Value>) -> (About, String) {
    joined(parts, " and ", " and ")
}

fn joined<'a>(parts: impl Iterator<Item = &'a Value>, alike: &str, mixed: &str) -> (About, String) {
    let parts: Vec<_> = parts.map(described).collect();
    let about = match parts.split_first() {
        Some(((first, _), rest)) if rest.iter().all(|(other, _)| other == first) => *first,
        _ => About::Else,
    };
    let between = if about == About::Else { mixed } else { alike };
    let texts: Vec<_> = parts.into_iter().map(|(_, text)| text).collect();
    (about, texts.join(between))
}
