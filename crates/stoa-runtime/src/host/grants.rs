//! The grants of one component. They are built from the manifest when the component is loaded, and all instances of the component
//! share them.
use std::sync::Arc;

use stoa_manifest::Component;

use super::backends::Backends;
use super::http::OutboundHttp;
use super::interfaces::Interfaces;

/// Everything that the host provides to one component.
pub(crate) struct Grants {
    /// The component's id.
    pub(crate) component: Arc<str>,
    /// The environment variables of the component, as name and value.
    pub(crate) environment: Vec<(String, String)>,
    /// The state of each Spin interface for this component.
    pub(crate) interfaces: Interfaces,
    /// The component's access to the network and to other components over HTTP.
    pub(crate) http: Arc<OutboundHttp>,
}

impl Grants {
    /// Builds the grants of `component` from its manifest.
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
