//! The description of an Envoy for a test.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::address::address;
use super::filter::Filter;
use super::route::Route;
use super::tls::Identity;

/// A change to the complete bootstrap.
type Edit = Box<dyn Fn(&mut Value) + Send + Sync>;

/// The description of an Envoy with one HTTP listener (HTTP/1.1 and HTTP/2), filters, routes and clusters.
pub struct Setup {
    pub(super) filters: Vec<Filter>,
    pub(super) routes: Vec<Value>,
    pub(super) clusters: Vec<Value>,
    pub(super) concurrency: u32,
    pub(super) wasm_log: String,
    pub(super) edits: Vec<Edit>,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    /// An Envoy without filters and with one worker. Without routes, Envoy sends every request to the first cluster. Without a
    /// cluster, Envoy itself responds with 200.
    pub fn new() -> Self {
        Self {
            filters: Vec::new(),
            routes: Vec::new(),
            clusters: Vec::new(),
            concurrency: 1,
            wasm_log: "info".to_owned(),
            edits: Vec::new(),
        }
    }

    /// Appends a filter.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Appends a route. The first route that matches a request is used.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route.into_json());
        self
    }

    /// Adds a cluster with one endpoint.
    #[must_use]
    pub fn cluster(self, name: &str, endpoint: SocketAddr) -> Self {
        let address = address(&endpoint.ip().to_string(), endpoint.port());
        self.raw_cluster(json!({
            "name": name,
            "connect_timeout": "1s",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
            },
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
                },
            },
        }))
    }

    /// Adds a cluster in Envoy's JSON.
    #[must_use]
    pub fn raw_cluster(mut self, cluster: Value) -> Self {
        self.clusters.push(cluster);
        self
    }

    /// Sets the number of workers.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// Sets the log level of wasm filters, such as `trace`, `debug` or `info`. All other loggers of Envoy have the level `warning`.
    #[must_use]
    pub fn wasm_log(mut self, level: &str) -> Self {
        level.clone_into(&mut self.wasm_log);
        self
    }

    /// Adds a change to the complete bootstrap, for settings that have no method here.
    #[must_use]
    pub fn edit(mut self, edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.edits.push(Box::new(edit));
        self
    }

    /// Adds fields to the HTTP connection manager of the listener.
    #[must_use]
    pub fn manager(self, fields: Value) -> Self {
        const CONNECTION_MANAGER: &str =
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        self.merge(CONNECTION_MANAGER, fields)
    }

    /// Adds fields to the listener.
    #[must_use]
    pub fn listener(self, fields: Value) -> Self {
        self.merge("/static_resources/listeners/0", fields)
    }

    /// Sets mutual TLS on the listener. The listener presents this certificate, and requires a client certificate from the same
    /// authority.
    #[must_use]
    pub fn mtls(self, identity: &Identity) -> Self {
        let inline = |text: &str| json!({"inline_string": text});
        let socket = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "require_client_certificate": true,
                "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": inline(&identity.certificate),
                        "private_key": inline(&identity.key),
                    }],
                    "validation_context": {"trusted_ca": inline(&identity.authority)},
                },
            },
        });
        self.merge(
            "/static_resources/listeners/0/filter_chains/0",
            json!({"transport_socket": socket}),
        )
    }

    fn merge(self, pointer: &'static str, fields: Value) -> Self {
        self.edit(move |bootstrap| {
            let object = bootstrap
                .pointer_mut(pointer)
                .and_then(Value::as_object_mut);
            if let (Some(object), Value::Object(fields)) = (object, fields.clone()) {
                object.extend(fields);
            }
        })
    }
}
