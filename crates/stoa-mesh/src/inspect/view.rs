//! The options of a view: the part of an Envoy's configuration that is shown, and the format.

/// The options of a view. By default, a view shows all items, as a table.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Shows Envoy's own JSON instead of a table.
    pub json: bool,
    /// Shows only the route configuration with this name.
    pub name: Option<String>,
    /// Shows only items with this port.
    pub port: Option<u16>,
    /// Shows only clusters whose Service name contains this text.
    pub fqdn: Option<String>,
}

impl View {
    /// True if the view shows an item with this port.
    pub(super) fn has_port(&self, port: u64) -> bool {
        self.port.is_none_or(|wanted| u64::from(wanted) == port)
    }
}
