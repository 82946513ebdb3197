//! `fermyon:spin/variables`: a component's variables, resolved at load time.
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
            None if is_name(&name) => Err(Error::Undefined(name)),
            None => Err(Error::InvalidName(name)),
        })
    }
}

/// Whether a name has lower-case letters, digits and single underscores between them, and begins with a letter. As in
/// Spin, this allows more than a manifest may declare: `a_1` is a valid name here.
fn is_name(name: &str) -> bool {
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
    use super::is_name;

    #[test]
    fn only_names_of_variables_are_names() {
        for name in ["a", "inventory_url", "a1_b2", "a_1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "1a", "a__b", "a_", "_a", "a-b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
