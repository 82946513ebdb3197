//! Reads Envoy's JSON: a missing value is empty.

use serde_json::Value;

/// JSON for people and programs.
pub(super) fn pretty(of: &impl serde::Serialize) -> String {
    // Serializing a JSON value does not fail.
    serde_json::to_string_pretty(of).unwrap_or_default()
}

/// The items of a list, if there is one.
pub(crate) fn items<'a>(of: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    let items = of.pointer(pointer).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// A text, empty if there is none.
pub(super) fn text<'a>(of: &'a Value, pointer: &str) -> &'a str {
    let text = of.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// The texts of a list.
pub(super) fn texts(of: &Value, pointer: &str) -> Vec<String> {
    let texts = items(of, pointer).filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// The manifest of a resource: `/apis/networking.istio.io/v1/namespaces/bookinfo/virtual-service/ratings` is `ratings.bookinfo`.
pub(super) fn manifest(of: &Value) -> String {
    let config = text(of, "/metadata/filter_metadata/istio/config");
    let parts: Vec<_> = config.split('/').collect();
    match parts.as_slice() {
        [_, _, _, _, _, namespace, _, name] => format!("{name}.{namespace}"),
        _ => String::new(),
    }
}
