//! The application's variables: checks them, and gives them their values.

use std::collections::{BTreeMap, BTreeSet};

use super::fault_at::fault;
use crate::LoadOptions;
use crate::fault::Faults;
use crate::name;
use crate::raw::RawVariable;

/// The application's variables. One with a fault is known, but has no value.
pub(super) struct Variables {
    pub(super) values: BTreeMap<String, Option<String>>,
    pub(super) secrets: BTreeSet<String>,
}

impl Variables {
    /// Checks every variable, and records the faults.
    pub(super) fn resolve(raw: &[RawVariable], options: &LoadOptions, faults: &Faults<'_>) -> Self {
        let mut values = BTreeMap::new();
        let mut secrets = BTreeSet::new();
        for variable in raw {
            let name = &variable.name.value;
            if !name::is_lower_snake(name) {
                fault(
                    faults,
                    &variable.name,
                    "is not the name of a variable; expected lower_snake_case",
                );
            }
            let given = options
                .variables
                .get(name)
                .or_else(|| options.environment.get(name));
            match (variable.required, variable.has_default) {
                (true, true) => fault(
                    faults,
                    &variable.name,
                    "is required and has a default; expected one of them",
                ),
                (false, false) => fault(
                    faults,
                    &variable.name,
                    "expected required = true or a default",
                ),
                (true, false) if given.is_none() => {
                    let upper = name.to_uppercase();
                    let message = format!(
                        "is required and has no value; give it by --variable {name}=... or SPIN_VARIABLE_{upper}"
                    );
                    fault(faults, &variable.name, message);
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
                format!("has no {name:?}, which a value is given for"),
            );
        }
        Self { values, secrets }
    }
}
