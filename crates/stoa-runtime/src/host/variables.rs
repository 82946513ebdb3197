//! Implements `fermyon:spin/variables`. A component's variables are resolved when the component is loaded.
use std::collections::BTreeMap;
use std::sync::Arc;

use stoa_manifest::Component;
use wasmtime::Result;

use super::backends::Backends;
use super::view::View;
use crate::bindings::fermyon::spin::variables::{Error, Host};

/// A component's variables, by name.
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn new(_: &Arc<str>, component: &Component, _: &Backends) -> Self {
        Self(component.variables.clone())
    }
}

impl Host for View<'_, Variables> {
    fn get(&mut self, name: String) -> Result<Result<String, Error>> {
        Ok(match self.state.0.get(&name) {
            Some(value) => Ok(value.clone()),
            None if is_valid_name(&name) => Err(Error::Undefined(name)),
            None => Err(Error::InvalidName(name)),
        })
    }
}

/// Whether a name begins with a lower-case letter, and continues with lower-case letters, digits, and single underscores between
/// them. As in Spin, this rule allows more names than a manifest may declare, for example `a_1`.
fn is_valid_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('_').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::is_valid_name;

    #[test]
    fn only_valid_variable_names_are_accepted() {
        for name in ["a", "inventory_url", "a1_b2", "a_1"] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", "A", "1a", "a__b", "a_", "_a", "a-b", "ä"] {
            assert!(!is_valid_name(name), "{name}");
        }
    }
}
