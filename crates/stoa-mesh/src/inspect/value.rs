//! Reads values in Envoy's JSON. A missing value is read as empty.

use serde_json::Value;

/// A value as indented JSON, which people and programs can read.
pub(super) fn pretty(value: &impl serde::Serialize) -> String {
    // The serialization does not fail, because a JSON value can always be serialized.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The items of the list at the JSON pointer `pointer`. There are no items if the list is missing.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    let items = value.pointer(pointer).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// The text at the JSON pointer `pointer`; empty if the text is missing.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// The texts in the list at the JSON pointer `pointer`.
pub(super) fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let texts = items(value, pointer).filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// The name and namespace of the manifest from which Istio made a resource. For example, the result is `ratings.bookinfo` if the
/// resource's metadata contains `/apis/networking.istio.io/v1/namespaces/bookinfo/virtual-service/ratings`.
pub(super) fn manifest(resource: &Value) -> String {
    let config = text(resource, "/metadata/filter_metadata/istio/config");
    let parts: Vec<_> = config.split('/').collect();
    match parts.as_slice() {
        [_, _, _, _, _, namespace, _, name] => format!("{name}.{namespace}"),
        _ => String::new(),
    }
}
