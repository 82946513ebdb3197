//! What is shown of an Envoy's configuration.

/// What is shown, and how: by default all of it, as a table.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The configuration itself, as JSON, as Envoy has it.
    pub json: bool,
    /// Only the routes of this name.
    pub name: Option<String>,
    /// Only what has this port.
    pub port: Option<u16>,
    /// Only clusters whose service has this in its name.
    pub fqdn: Option<String>,
}

impl View {
    /// Whether something at this port is shown.
    pub(super) fn has_port(&self, port: u64) -> bool {
        self.port.is_none_or(|wanted| u64::from(wanted) == port)
    }
}
