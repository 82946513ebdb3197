//! Checks the application's variables, and determines their values.

use std::collections::{BTreeMap, BTreeSet};

use super::report::report_fault;
use crate::LoadOptions;
use crate::fault::Faults;
use crate::name;
use crate::raw::RawVariable;

/// Whether a required variable must have a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequiredValues {
    /// A required variable without a value is an error, because the application is to run.
    Needed,
    /// A required variable may have no value. A text with a template of this variable stays unchecked.
    Optional,
}

/// The application's variables.
pub(super) struct Variables {
    /// The value of each declared variable; `None` if the variable has an error.
    pub(super) values: BTreeMap<String, Option<String>>,
    /// The names of the secret variables.
    pub(super) secrets: BTreeSet<String>,
}

impl Variables {
    /// Checks every variable, and records the errors.
    pub(super) fn resolve(
        raw: &[RawVariable],
        options: &LoadOptions,
        required: RequiredValues,
        faults: &Faults<'_>,
    ) -> Self {
        let mut values = BTreeMap::new();
        let mut secrets = BTreeSet::new();
        for variable in raw {
            let name = &variable.name.value;
            if !name::is_lower_snake(name) {
                report_fault(
                    faults,
                    &variable.name,
                    "not a valid variable name; expected lower_snake_case",
                );
            }
            let given = options
                .variables
                .get(name)
                .or_else(|| options.environment.get(name));
            match (variable.required, variable.has_default) {
                (true, true) => report_fault(
                    faults,
                    &variable.name,
                    "required, but has a default; expected only one of `required` and `default`",
                ),
                (false, false) => report_fault(
                    faults,
                    &variable.name,
                    "expected `required = true` or a `default`",
                ),
                (true, false) if given.is_none() && required == RequiredValues::Needed => {
                    let upper = name.to_uppercase();
                    let message = format!(
                        "required, but has no value; set the value with --variable {name}=... or SPIN_VARIABLE_{upper}"
                    );
                    report_fault(faults, &variable.name, message);
                }
                _ => {}
            }
            let default = variable.default.as_ref().map(|default| &default.value);
            values.insert(name.clone(), given.or(default).cloned());
            if variable.secret {
                secrets.insert(name.clone());
            }
        }
        for name in options
            .variables
            .keys()
            .filter(|name| !values.contains_key(*name))
        {
            faults.push(
                None,
                "variables",
                format!("{name:?} has a value, but the manifest does not declare this variable"),
            );
        }
        Self { values, secrets }
    }
}
