//! Checks the hosts that a component may call.

use super::report::report_fault;
use super::scope::Scope;
use crate::host::AllowedHost;
use crate::reader::Text;
use crate::template::Template;

impl Scope<'_> {
    /// Checks an entry of `allowed_outbound_hosts`. `in_selection` is true if the component with this entry is selected to run.
    pub(super) fn host(&self, text: &Text, in_selection: bool) -> Option<AllowedHost> {
        let (filled, literal) = self.fill(text)?;
        // An error message must not show the value of a secret variable.
        let shown = |message: String| {
            let secret = Template::parse(&text.value).is_ok_and(|template| {
                template
                    .variables()
                    .any(|name| self.variables.secrets.contains(name))
            });
            match (literal, secret) {
                (true, _) => message,
                (false, false) => {
                    format!("{:?} resolves to an invalid value: {message}", text.value)
                }
                (false, true) => format!(
                    "{:?} resolves to an invalid value; the value is secret, so it is not shown",
                    text.value
                ),
            }
        };
        let host: AllowedHost = match filled.parse() {
            Ok(host) => host,
            Err(error) => {
                report_fault(self.faults, text, shown(format!("{error}")));
                return None;
            }
        };
        if host.allows_any_component() && literal && in_selection && self.has_selection {
            let message = "allows calls to all components; if only selected components run, list each called component by its name";
            report_fault(self.faults, text, shown(format!("{filled:?} {message}")));
        }
        if let Some(id) = host.component_name() {
            if !self.ids.contains(id) {
                report_fault(
                    self.faults,
                    text,
                    shown(format!(
                        "{filled:?}: {id:?} is not a component of this manifest"
                    )),
                );
            } else if literal && in_selection && !self.selected.contains(id) {
                // If an entry without a template names a component that does not run, this is an error, because every call to that
                // component would fail. An entry with a template is accepted, because its variable can contain another address in a
                // run without this component.
                report_fault(
                    self.faults,
                    text,
                    format!("{filled:?}: component {id:?} is not selected to run"),
                );
            }
        }
        Some(host)
    }
}
