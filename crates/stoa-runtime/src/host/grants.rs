//! What one component may use: built from the manifest when the component is loaded, and shared by all its instances.
use std::sync::Arc;

use stoa_manifest::Component;

use super::backends::Backends;
use super::http::OutboundHttp;
use super::interfaces::Interfaces;

/// The host's side of one component.
pub(crate) struct Grants {
    /// The component's id.
    pub(crate) component: Arc<str>,
    /// Environment variables.
    pub(crate) environment: Vec<(String, String)>,
    /// Spin's interfaces.
    pub(crate) interfaces: Interfaces,
    /// Outbound HTTP requests.
    pub(crate) http: Arc<OutboundHttp>,
}

impl Grants {
    /// What the manifest grants to `component`.
    pub(crate) fn new(component: &Component, backends: &Backends) -> Self {
        let id: Arc<str> = Arc::from(component.id.as_str());
        Self {
            environment: component.environment.clone().into_iter().collect(),
            interfaces: Interfaces::new(&id, component, backends),
            http: Arc::new(OutboundHttp::new(&id, component, backends)),
            component: id,
        }
    }
}
