//! Settings with which an operator changes a filter's configuration on the command line: `NAME=SHARE` and `NAME=SHARE:VALUE`.
//!
//! Native only. The `operator.rs` of each filter converts settings to the filter's configuration.

use std::fmt;

use crate::document::ConfigErrors;

/// A setting, such as `abort=5%:503`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting<'t> {
    /// The whole setting, as the operator wrote it.
    pub text: &'t str,
    /// The part before the equals sign: the name of a version or of a kind of fault.
    pub name: &'t str,
    /// The share of the requests.
    pub share: Share,
    /// The text after the colon that follows the share. `None` if the setting has no colon.
    pub value: Option<&'t str>,
}

/// The reason why a configuration cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// A setting is not valid.
    #[error("{setting}: expected {expected}")]
    Invalid {
        /// The setting, as the operator wrote it.
        setting: String,
        /// The expected format.
        expected: String,
    },
    /// Two settings have the same name.
    #[error("{0} is given twice")]
    Twice(String),
    /// The shares add up to more than 100 %.
    #[error("{0}: the shares add up to more than 100%")]
    AboveAll(String),
    /// A setting or a command-line argument contains an unknown name, such as the name of a service that does not exist.
    #[error("there is no {kind} {name:?}; expected one of {}", .known.join(", "))]
    Unknown {
        /// The kind of thing that should have this name, such as `service`. The message shows this word before the name.
        kind: &'static str,
        /// The unknown name.
        name: String,
        /// The valid names.
        known: Vec<String>,
    },
    /// The filter would reject the changed configuration.
    #[error("the filter would reject this configuration: {0}")]
    Rejected(#[from] ConfigErrors),
}

/// Reads a list of settings. `expected` is the format of a setting, for error messages.
///
/// # Errors
/// If a setting is not valid, if two settings have the same name, or if the shares add up to more than 100 %.
pub fn read<'t>(texts: &'t [String], expected: &str) -> Result<Vec<Setting<'t>>, SettingError> {
    let mut settings: Vec<Setting<'t>> = Vec::new();
    for text in texts {
        let setting = Setting::read(text).ok_or_else(|| SettingError::Invalid {
            setting: text.clone(),
            expected: expected.to_owned(),
        })?;
        if settings.iter().any(|other| other.name == setting.name) {
            return Err(SettingError::Twice(setting.name.to_owned()));
        }
        settings.push(setting);
    }
    match settings.iter().map(|setting| setting.share.0).sum::<u32>() {
        ..=Share::WHOLE => Ok(settings),
        _ => Err(SettingError::AboveAll(texts.join(" "))),
    }
}

impl<'t> Setting<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let (name, rest) = text.split_once('=')?;
        let (share, value) = match rest.split_once(':') {
            Some((share, value)) => (share, Some(value)),
            None => (rest, None),
        };
        let share = Share::read(share)?;
        (!name.is_empty()).then_some(Self {
            text,
            name,
            share,
            value,
        })
    }
}

/// A share in ten-thousandths. This is also the unit of canary-router's weights, and 10,000 is a denominator of Envoy's
/// `FractionalPercent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(pub u32);

impl Share {
    /// 100 %.
    pub const WHOLE: u32 = 10_000;

    /// Reads a percentage with at most two decimals, such as `25%`, `0.5%` or `12.25%`. `None` if the text is not a valid
    /// percentage.
    pub fn read(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 2 || whole.len() > 3 {
            return None;
        }
        let hundredths: u32 = format!("{decimals:0<2}").parse().ok()?;
        let share = whole.parse::<u32>().ok()? * 100 + hundredths;
        (share <= Self::WHOLE).then_some(Self(share))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Percent(f64::from(self.0) / 100.0))
    }
}

/// A percentage. `Display` rounds it to two decimals, and writes the format that [`Share::read`] reads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", (self.0 * 100.0).round() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_with_at_most_two_decimals() {
        for (text, share) in [
            ("25%", 2500),
            ("0%", 0),
            ("100%", 10_000),
            ("0.5%", 50),
            ("12.25%", 1225),
        ] {
            assert_eq!(Share::read(text), Some(Share(share)), "{text}");
            assert_eq!(Share(share).to_string(), text);
        }
        for text in [
            "25",
            "%",
            "-1%",
            "101%",
            "100.01%",
            "1.234%",
            ".5%",
            "5.%",
            "x%",
            "1e1%",
            "99999999999%",
        ] {
            assert_eq!(Share::read(text), None, "{text}");
        }
    }

    fn read(texts: &[&str]) -> Result<Vec<(String, u32, Option<String>)>, String> {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        let settings = super::read(&texts, "NAME=SHARE").map_err(|error| error.to_string())?;
        let settings = settings.into_iter().map(|setting| {
            let value = setting.value.map(str::to_owned);
            (setting.name.to_owned(), setting.share.0, value)
        });
        Ok(settings.collect())
    }

    #[test]
    fn a_setting_is_a_name_a_share_and_an_optional_value() {
        let value = Some("grpc:14".to_owned());
        let expected = vec![
            ("abort".to_owned(), 500, value),
            ("v2".to_owned(), 2500, None),
        ];
        assert_eq!(read(&["abort=5%:grpc:14", "v2=25%"]), Ok(expected));
    }

    #[test]
    fn an_error_names_the_invalid_setting_and_the_expected_format() {
        for text in ["off", "v2", "=5%", "v2=5", "v2=:5%"] {
            assert_eq!(read(&[text]), Err(format!("{text}: expected NAME=SHARE")));
        }
        assert_eq!(
            read(&["v2=5%", "v2=6%"]),
            Err("v2 is given twice".to_owned())
        );
        assert_eq!(
            read(&["a=50%", "b=50.01%"]),
            Err("a=50% b=50.01%: the shares add up to more than 100%".to_owned())
        );
    }
}
