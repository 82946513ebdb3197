//! The hosts that a component may call.

use super::fault_at::fault;
use super::scope::Scope;
use crate::host::AllowedHost;
use crate::reader::Text;
use crate::template::Template;

impl Scope<'_> {
    /// Checks a host of `allowed_outbound_hosts`. `in_selection`: its component is selected to run.
    pub(super) fn host(&self, text: &Text, in_selection: bool) -> Option<AllowedHost> {
        let (filled, literal) = self.fill(text)?;
        // A message must not show a secret.
        let shown = |message: String| {
            let secret = Template::parse(&text.value).is_ok_and(|template| {
                template
                    .variables()
                    .any(|name| self.variables.secrets.contains(name))
            });
            match (literal, secret) {
                (true, _) => message,
                (false, false) => format!("{:?} stands for a bad value: {message}", text.value),
                (false, true) => format!(
                    "{:?} stands for a bad value (a secret, not shown)",
                    text.value
                ),
            }
        };
        let host: AllowedHost = match filled.parse() {
            Ok(host) => host,
            Err(error) => {
                fault(self.faults, text, shown(format!("{error}")));
                return None;
            }
        };
        if host.any_internal() && literal && in_selection && self.selection {
            let message =
                "stands for all components; with a selection, name the components that are called";
            fault(self.faults, text, shown(format!("{filled:?} {message}")));
        }
        if let Some(id) = host.internal() {
            if !self.ids.contains(id) {
                fault(
                    self.faults,
                    text,
                    shown(format!(
                        "{filled:?}: {id:?} is not a component of this file"
                    )),
                );
            } else if literal && in_selection && !self.selected.contains(id) {
                // A template can give another address in runs without this component. A literal address can only fail.
                fault(
                    self.faults,
                    text,
                    format!("{filled:?}: component {id:?} is not in the selection"),
                );
            }
        }
        Some(host)
    }
}
