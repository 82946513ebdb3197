//! Spin variables.

/// A Spin variable, for [`crate::settings::Settings`].
pub fn variable(name: &str) -> Option<String> {
    spin_sdk::variables::get(name).ok()
}
