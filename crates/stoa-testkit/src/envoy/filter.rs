//! The HTTP filters of a test's Envoy.

use std::path::PathBuf;

use serde_json::Value;

use crate::built;

/// What Envoy does with a request if a wasm filter cannot run (`failStrategy` of a WasmPlugin).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Envoy responds with 503.
    #[default]
    Close,
    /// Envoy forwards the request without the filter.
    Open,
    /// Envoy starts the filter again when the next request arrives.
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
    /// A wasm filter, configured by ECDS (extension config discovery), as Istio configures filters.
    Wasm {
        file: PathBuf,
        config: String,
        on_failure: OnFailure,
        stops_headers_alone: bool,
    },
    /// A filter that is part of Envoy. Its configuration is set at Envoy's start, and cannot change later.
    Native(Value),
}

impl Filter {
    /// A filter of this workspace, as built by `make wasm`. `name` is the name of the filter's folder. Panics if the file is
    /// missing or stale.
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

    /// Sets another name for this filter, so that two filters can use the same .wasm file.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets the failure strategy of a wasm filter.
    #[must_use]
    pub fn on_failure(mut self, strategy: OnFailure) -> Self {
        if let Kind::Wasm { on_failure, .. } = &mut self.kind {
            *on_failure = strategy;
        }
        self
    }

    /// Sets the option `allow_on_headers_stop_iteration` of a wasm filter.
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

/// A value that can be a filter's configuration: JSON, or any text.
pub trait IntoConfig {
    /// Returns the text that the filter gets.
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
