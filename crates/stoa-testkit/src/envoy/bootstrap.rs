//! Writes Envoy's JSON configuration for a [`Setup`].

use std::path::Path;

use serde_json::{Value, json};

use super::address::address;
use super::filter::{Filter, Kind, OnFailure};
use super::route::Route;
use super::setup::Setup;

/// Envoy's bootstrap. The configurations of wasm filters are in subfolders of `folder`.
pub(super) fn bootstrap(setup: &Setup, folder: &Path) -> Value {
    let mut filters: Vec<_> = setup.filters.iter().map(|f| filter(f, folder)).collect();
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }));
    let mut bootstrap = json!({
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": address("127.0.0.1", 0)},
        "static_resources": {
            "listeners": [{
                "name": "http",
                "address": address("127.0.0.1", 0),
                "filter_chains": [{
                    "filters": [{
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                            "stat_prefix": "test",
                            "codec_type": "AUTO",
                            "http_protocol_options": {"enable_trailers": true},
                            "route_config": {
                                "name": "routes",
                                "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes(setup)}],
                            },
                            "http_filters": filters,
                        },
                    }],
                }],
            }],
            "clusters": setup.clusters,
        },
    });
    for edit in &setup.edits {
        edit(&mut bootstrap);
    }
    bootstrap
}

fn routes(setup: &Setup) -> Vec<Value> {
    if !setup.routes.is_empty() {
        return setup.routes.clone();
    }
    let all = Route::prefix("/");
    let first = setup.clusters.first().and_then(|c| c.get("name")?.as_str());
    vec![match first {
        Some(cluster) => all.to(cluster).into_json(),
        None => all.into_json(),
    }]
}

fn filter(filter: &Filter, folder: &Path) -> Value {
    match &filter.kind {
        Kind::Native(typed_config) => json!({"name": filter.name, "typed_config": typed_config}),
        // Each filter has its own folder, because Envoy reads every file of a folder again after a rename in the folder.
        Kind::Wasm { .. } => json!({
            "name": filter.name,
            "config_discovery": {
                "config_source": {
                    "resource_api_version": "V3",
                    "path_config_source": {
                        "path": config_file(folder, &filter.name),
                        "watched_directory": {"path": config_folder(folder, &filter.name)},
                    },
                },
                "type_urls": [WASM_TYPE_URL],
            },
        }),
    }
}

const WASM_TYPE_URL: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

pub(super) fn config_folder(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join("filters").join(name)
}

pub(super) fn config_file(folder: &Path, name: &str) -> std::path::PathBuf {
    config_folder(folder, name).join("config.json")
}

/// The configuration of a wasm filter, as a response of a discovery service; `None` for a filter that is part of Envoy.
pub(super) fn discovery(filter: &Filter, version: u64) -> Option<Value> {
    let Kind::Wasm {
        file,
        config,
        on_failure,
        stops_headers_alone,
    } = &filter.kind
    else {
        return None;
    };
    let policy = match on_failure {
        OnFailure::Close => "FAIL_CLOSED",
        OnFailure::Open => "FAIL_OPEN",
        OnFailure::Reload => "FAIL_RELOAD",
    };
    Some(json!({
        "version_info": version.to_string(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": filter.name,
            "typed_config": {
                "@type": WASM_TYPE_URL,
                "config": {
                    "name": filter.name,
                    "failure_policy": policy,
                    "allow_on_headers_stop_iteration": stops_headers_alone,
                    "vm_config": {
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": file}},
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": config,
                    },
                },
            },
        }],
    }))
}
