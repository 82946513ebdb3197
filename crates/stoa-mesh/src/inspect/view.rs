//! Which part of an Envoy's configuration is shown.

/// What is shown, and how. The default is everything, as a table.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Envoy's own JSON instead of a table.
    pub json: bool,
    /// Only the routes of this name.
    pub name: Option<String>,
    /// Only items with this port.
    pub port: Option<u16>,
    /// Only clusters whose service name contains this text.
    pub fqdn: Option<String>,
}

impl View {
    /// Whether an item with this port is shown.
    pub(super) fn has_port(&self, port: u64) -> bool {
        self.port.is_none_or(|wanted| u64::from(wanted) == port)
    }
}
