//! Reads Spin variables into validated settings. All invalid variables are reported, not only the first.

use std::fmt::Display;
use std::str::FromStr;

/// Reads settings from Spin variables, and collects an error for each invalid variable.
pub struct Settings<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

/// The errors of all invalid settings, one sentence for each setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Faults(pub Vec<String>);

impl<'a> Settings<'a> {
    /// `source` returns the value of a variable, or `None` if the variable is not set.
    pub fn new(source: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            source,
            faults: Vec::new(),
        }
    }

    /// Reads an optional variable as text. An empty value counts as absent.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.source)(name).filter(|v| !v.is_empty())
    }

    /// Reads a required variable as text.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.faults.push(format!("variable {name} is missing"));
            String::new()
        })
    }

    /// Reads the base URL of a service: `http` or `https` and a host, without a path.
    pub fn url(&mut self, name: &str) -> String {
        let value = self.required(name);
        let rest = value
            .strip_prefix("http://")
            .or_else(|| value.strip_prefix("https://"));
        if !value.is_empty()
            && rest.is_none_or(|r| r.is_empty() || r.trim_end_matches('/').contains('/'))
        {
            self.faults.push(format!(
                "variable {name}: `{value}` is not a base URL; expected http(s)://host[:port] without a path"
            ));
        }
        value.trim_end_matches('/').to_owned()
    }

    /// Reads a number in `range`; `default` if the variable is absent.
    pub fn number<T>(&mut self, name: &str, default: T, range: std::ops::RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let Some(text) = self.optional(name) else {
            return default;
        };
        match text.parse::<T>() {
            Ok(value) if range.contains(&value) => value,
            _ => {
                self.faults.push(format!(
                    "variable {name}: `{text}` is not a number from {} to {}",
                    range.start(),
                    range.end()
                ));
                default
            }
        }
    }

    /// Adds an error that the caller found in a setting.
    pub fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// Returns `value` if all settings are valid, otherwise the errors of all invalid settings.
    pub fn finish<T>(self, value: T) -> Result<T, Faults> {
        if self.faults.is_empty() {
            Ok(value)
        } else {
            Err(Faults(self.faults))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_invalid_variables_are_reported_together() {
        let source = |name: &str| match name {
            "a_url" => Some("ftp://x".to_owned()),
            "count" => Some("0".to_owned()),
            _ => None,
        };
        let mut settings = Settings::new(&source);
        settings.url("a_url");
        settings.number("count", 5_u32, 1..=9);
        settings.required("secret");
        let faults = settings.finish(()).unwrap_err().0;
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[1].contains("count") && faults[1].contains("from 1 to 9"));
    }

    #[test]
    fn a_base_url_may_end_with_a_slash() {
        let source = |_: &str| Some("http://inventory.spin.internal/".to_owned());
        let mut settings = Settings::new(&source);
        assert_eq!(settings.url("x"), "http://inventory.spin.internal");
        assert!(settings.finish(()).is_ok());
    }
}
