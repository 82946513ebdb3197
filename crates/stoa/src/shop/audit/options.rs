//! Derives the auditor's options from the command line and the shop's settings.

use std::path::Path;

use shop_audit::{Options, ThirdParties};
use stoa_up::{AppSource, Run};

use super::args::AuditArgs;
use super::output::note;
use crate::exit::{Code, Failure};

/// The component whose settings limit how long an order may be pending.
const ORDER: &str = "order";

/// The auditor's options.
pub(super) fn options(arguments: &AuditArgs) -> Result<Options, Failure> {
    let (operator, manifest) = match &arguments.operator {
        Some(operator) => (operator.clone(), None),
        None => {
            let otherwise = "say where it runs (--state-dir) or answers (--operator)";
            let run = Run::find(&arguments.state.state_dir, otherwise)?;
            (run.operator, Some(run.manifest))
        }
    };
    let mut options = Options::new(operator);
    if arguments.without_third_parties {
        options.third_parties = ThirdParties::Never;
    }
    options.undelivered_after = arguments.undelivered_after.into();
    options.look_again_after = arguments.look_again_after.into();
    match (&arguments.manifest, manifest, arguments.stuck_after) {
        (_, _, Some(stuck_after)) => options.stuck_after = stuck_after,
        (Some(manifest), _, None) => options = with_settings(options, manifest)?,
        (None, Some(manifest), None) => match with_settings(options.clone(), &manifest) {
            Ok(set) => options = set,
            // The shop may have been started from another working directory.
            Err(failure) => note(&format!(
                "{failure}; the bounds are those of a shop with default settings, unless --manifest or --stuck-after is given"
            )),
        },
        (None, None, None) => {}
    }
    Ok(options)
}

/// Adds the limits that follow from the settings in a manifest and in the environment. The environment wins, as in `stoa up`.
fn with_settings(options: Options, manifest: &Path) -> Result<Options, Failure> {
    let source = AppSource {
        manifest: manifest.to_owned(),
        variables: Vec::new(),
        components: Some(vec![ORDER.to_owned()]),
        document: None,
    };
    let app = source.load()?;
    let variables = app.components.get(ORDER).map(|order| &order.variables);
    options
        .with_order_variables(variables.unwrap_or(&Default::default()))
        .map_err(|faults| Failure::new(Code::Data, format!("{}: {faults}", manifest.display())))
}
