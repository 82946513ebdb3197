//! The filters of a test's Envoy.

use std::path::PathBuf;

use serde_json::Value;

use crate::built;

/// How a request is handled if a wasm filter cannot run (`failStrategy` of a WasmPlugin).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The response is 503.
    #[default]
    Close,
    /// The request continues without the filter.
    Open,
    /// The filter is restarted for the next request.
    Reload,
}

/// An HTTP filter.
#[derive(Debug, Clone)]
pub struct Filter {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Configured over ECDS, as by Istio.
    Wasm {
        file: PathBuf,
        config: String,
        on_failure: OnFailure,
        stops_headers_alone: bool,
    },
    /// Configured once, at the start.
    Native(Value),
}

impl Filter {
    /// A filter of this workspace, by its folder's name, as built by `make wasm`; a stale one fails the test.
    #[track_caller]
    pub fn built(name: &str, config: impl IntoConfig) -> Self {
        Self::wasm(name, built::filter(name), config)
    }

    /// A filter from any .wasm file.
    pub fn wasm(name: &str, file: impl Into<PathBuf>, config: impl IntoConfig) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Wasm {
                file: file.into(),
                config: config.into_config(),
                on_failure: OnFailure::default(),
                stops_headers_alone: false,
            },
        }
    }

    /// A filter that is part of Envoy; `typed_config` includes its `@type`.
    pub fn native(name: &str, typed_config: Value) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Native(typed_config),
        }
    }

    /// With another name, for a .wasm that is used twice.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// With another failure strategy; only for wasm filters.
    #[must_use]
    pub fn on_failure(mut self, strategy: OnFailure) -> Self {
        if let Kind::Wasm { on_failure, .. } = &mut self.kind {
            *on_failure = strategy;
        }
        self
    }

    /// With the plugin's `allow_on_headers_stop_iteration`; only for wasm filters.
    #[must_use]
    pub fn allow_on_headers_stop_iteration(mut self) -> Self {
        if let Kind::Wasm {
            stops_headers_alone,
            ..
        } = &mut self.kind
        {
            *stops_headers_alone = true;
        }
        self
    }
}

/// A filter's configuration: JSON, or any text.
pub trait IntoConfig {
    /// The text for the filter.
    fn into_config(self) -> String;
}

impl IntoConfig for Value {
    fn into_config(self) -> String {
        self.to_string()
    }
}

impl IntoConfig for &Value {
    fn into_config(self) -> String {
        self.to_string()
    }
}

impl IntoConfig for &str {
    fn into_config(self) -> String {
        self.to_owned()
    }
}
