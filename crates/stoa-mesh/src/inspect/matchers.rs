//! Envoy's matchers as short texts.

use serde_json::Value;

use super::value::text;

/// The condition on the path.
pub(super) fn path_match(condition: &Value) -> String {
    let said = |pointer| Some(text(condition, pointer)).filter(|text| !text.is_empty());
    let parts = [
        said("/prefix").map(|prefix| format!("{prefix}*")),
        said("/path_separated_prefix").map(|prefix| format!("PathPrefix:{prefix}")),
        said("/path").map(str::to_owned),
        said("/safe_regex/regex").map(|regex| format!("regex {regex}")),
        said("/path_match_policy/typed_config/path_template").map(str::to_owned),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `name=value`, `!name=value`, or `name` where the header need only be present.
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
            // Matches presence or absence.
            let absent = header.get("present_match") == Some(&Value::Bool(false));
            let not = if absent { "!" } else { not };
            format!("{not}{name}")
        }
    }
}

fn exact(header: &Value) -> Option<String> {
    Some(header.get("exact_match")?.as_str()?.to_owned())
}

/// `a`, `a*`, `*a`, `*a*`, or `regex a`.
pub(super) fn string_match(value: &Value) -> String {
    let said = |pointer| Some(text(value, pointer)).filter(|text| !text.is_empty());
    let shape = [
        said("/exact").map(str::to_owned),
        said("/prefix").map(|prefix| format!("{prefix}*")),
        said("/suffix").map(|suffix| format!("*{suffix}")),
        said("/contains").map(|part| format!("*{part}*")),
        said("/safe_regex/regex").map(|regex| format!("regex {regex}")),
    ];
    let shape = shape.into_iter().flatten().next().unwrap_or_default();
    match is_true(value, "/ignore_case") {
        true => format!("{shape} (any case)"),
        false => shape,
    }
}

fn is_true(of: &Value, pointer: &str) -> bool {
    of.pointer(pointer) == Some(&Value::Bool(true))
}
