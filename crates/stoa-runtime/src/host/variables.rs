//! `fermyon:spin/variables`: a component's variables, resolved when the app was loaded.
use wasmtime::Result;

use super::HostState;
use super::bindings::fermyon::spin::variables::{Error, Host};

impl Host for HostState {
    fn get(&mut self, name: String) -> Result<Result<String, Error>> {
        Ok(match self.component().variables.get(&name) {
            Some(value) => Ok(value.clone()),
            None if is_name(&name) => Err(Error::Undefined(name)),
            None => Err(Error::InvalidName(name)),
        })
    }
}

/// Lower-case letters, digits and single underscores between them, beginning with a letter. As in Spin, this is wider
/// than what a manifest may declare: `a_1` is a name here.
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
    fn tells_names_from_what_is_none() {
        for name in ["a", "inventory_url", "a1_b2", "a_1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "1a", "a__b", "a_", "_a", "a-b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
