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
            let alternative = "select a running shop with --state-dir or --operator";
            let run = Run::find(&arguments.state.state_dir, alternative)?;
            (run.operator, Some(run.manifest))
        }
    };
    let mut options = Options::new(operator);
    if arguments.without_third_parties {
        options.third_parties = ThirdParties::Never;
    }
    options.undelivered_after = arguments.undelivered_after.into();
    options.recheck_after = arguments.recheck_after.into();
    if let Some(recheck_after) = arguments.look_again_after {
        note("--look-again-after was renamed to --recheck-after; release 0.3 rejects the old name");
        options.recheck_after = recheck_after.into();
    }
    match (&arguments.manifest, manifest, arguments.stuck_after) {
        (_, _, Some(stuck_after)) => options.stuck_after = stuck_after,
        (Some(manifest), _, None) => options = with_settings(options, manifest)?,
        (None, Some(manifest), None) => match with_settings(options.clone(), &manifest) {
            Ok(limited) => options = limited,
            // The manifest's path in run.json may be relative, and the shop may have been started in another folder.
            Err(failure) => note(&format!(
                "{failure}; the audit uses the limits of a shop with default settings; --manifest or --stuck-after sets other limits"
            )),
        },
        (None, None, None) => {}
    }
    Ok(options)
}

/// Adds the limits that follow from the settings of the component `order`, in a manifest and in the environment. As in `stoa up`,
/// the environment takes precedence.
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
