//! Access to Spin variables.

/// The value of a Spin variable, or `None` if the variable is not set. [`crate::settings::Settings`] reads variables with this
/// function.
pub fn variable(name: &str) -> Option<String> {
    spin_sdk::variables::get(name).ok()
}
