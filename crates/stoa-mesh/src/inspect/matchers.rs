//! Turns Envoy's matchers into short texts.

use serde_json::Value;

use super::value::text;

/// The condition of a route on a request's path, as text such as `/cart*`.
pub(super) fn path_match(condition: &Value) -> String {
    let non_empty = |pointer| Some(text(condition, pointer)).filter(|text| !text.is_empty());
    let parts = [
        non_empty("/prefix").map(|prefix| format!("{prefix}*")),
        non_empty("/path_separated_prefix").map(|prefix| format!("PathPrefix:{prefix}")),
        non_empty("/path").map(str::to_owned),
        non_empty("/safe_regex/regex").map(|regex| format!("regex {regex}")),
        non_empty("/path_match_policy/typed_config/path_template").map(str::to_owned),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The condition on a header as text. The text is `name=value`, `!name=value`, or only `name` if the header must be present with
/// any value.
pub(super) fn header(header: &Value) -> String {
    let name = text(header, "/name");
    let not = if is_true(header, "/invert_match") {
        "!"
    } else {
        ""
    };
    let value = header.get("string_match").map(string_match);
    match value.or_else(|| exact(header)) {
        Some(value) => format!("{not}{name}={value}"),
        None => {
            // A matcher that contains no value only tests whether the header is present or absent.
            let absent = header.get("present_match") == Some(&Value::Bool(false));
            let not = if absent { "!" } else { not };
            format!("{not}{name}")
        }
    }
}

fn exact(header: &Value) -> Option<String> {
    Some(header.get("exact_match")?.as_str()?.to_owned())
}

/// A string matcher as text: `a` (exact), `a*` (prefix), `*a` (suffix), `*a*` (contains), or `regex a`.
pub(super) fn string_match(value: &Value) -> String {
    let non_empty = |pointer| Some(text(value, pointer)).filter(|text| !text.is_empty());
    let shape = [
        non_empty("/exact").map(str::to_owned),
        non_empty("/prefix").map(|prefix| format!("{prefix}*")),
        non_empty("/suffix").map(|suffix| format!("*{suffix}")),
        non_empty("/contains").map(|part| format!("*{part}*")),
        non_empty("/safe_regex/regex").map(|regex| format!("regex {regex}")),
    ];
    let shape = shape.into_iter().flatten().next().unwrap_or_default();
    match is_true(value, "/ignore_case") {
        true => format!("{shape} (any case)"),
        false => shape,
    }
}

fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer) == Some(&Value::Bool(true))
}
