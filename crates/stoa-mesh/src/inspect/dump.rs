//! An Envoy's whole configuration, from `/config_dump`.

use serde_json::Value;

use super::value::{items, text};

/// The response to a request for `/config_dump`.
pub(super) struct Dump(pub(super) Value);

impl Dump {
    /// The items of one list in one part of the response. For example, the part (`kind`) is `ListenersConfigDump`, and the list is
    /// `dynamic_listeners`.
    pub(super) fn list(&self, kind: &str, list: &str) -> impl Iterator<Item = &Value> {
        let configs = items(&self.0, "/configs");
        let of_kind = configs.filter(move |config| text(config, "/@type").ends_with(kind));
        let list = format!("/{list}");
        of_kind.flat_map(move |config| {
            let items = config.pointer(&list).and_then(Value::as_array);
            items.into_iter().flatten()
        })
    }

    /// The active listeners.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Value> {
        let active = self.list("ListenersConfigDump", "dynamic_listeners");
        active.filter_map(|listener| listener.pointer("/active_state/listener"))
    }
}
