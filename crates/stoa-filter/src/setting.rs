//! `NAME=SHARE` and `NAME=SHARE:VALUE`, with which an operator changes a filter's configuration on the command line.
//!
//! Native only. Each filter's `operator.rs` turns settings into its own configuration.

use std::fmt;

use crate::document::Faults;

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting<'t> {
    /// As it was given.
    pub text: &'t str,
    /// What is set.
    pub name: &'t str,
    /// For this share.
    pub share: Share,
    /// The text after the share and a colon.
    pub value: Option<&'t str>,
}

/// Why a configuration cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// A setting is not valid.
    #[error("{setting}: expected {expected}")]
    Invalid {
        /// The setting as it was given.
        setting: String,
        /// What it must be.
        expected: String,
    },
    /// Two settings have the same name.
    #[error("{0} is given twice")]
    Twice(String),
    /// The shares add up to more than 100 %.
    #[error("{0}: more than 100% together")]
    AboveAll(String),
    /// The name does not exist.
    #[error("there is no {kind} {name}; expected one of {}", .known.join(", "))]
    Unknown {
        /// What is named, such as `service`.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The filter itself rejects the changed configuration.
    #[error("the filter would reject this configuration: {0}")]
    Rejected(#[from] Faults),
}

/// Reads settings. `expected` states what one looks like, for errors.
///
/// # Errors
/// If one cannot be read, a name is given twice, or the shares exceed 100 % together.
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

/// A share in ten-thousandths: the weights of canary-router, and a denominator of Envoy's `FractionalPercent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(pub u32);

impl Share {
    /// 100 %.
    pub const WHOLE: u32 = 10_000;

    /// Reads a percentage with two decimals at most: `25%`, `0.5%`, `12.25%`.
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

/// A percentage, printed as [`Share::read`] reads it: rounded to hundredths.
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
    fn a_share_is_a_percentage_with_two_decimals_at_most() {
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
    fn a_setting_is_a_name_a_share_and_perhaps_a_value() {
        let value = Some("grpc:14".to_owned());
        let expected = vec![
            ("abort".to_owned(), 500, value),
            ("v2".to_owned(), 2500, None),
        ];
        assert_eq!(read(&["abort=5%:grpc:14", "v2=25%"]), Ok(expected));
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected() {
        for text in ["off", "v2", "=5%", "v2=5", "v2=:5%"] {
            assert_eq!(read(&[text]), Err(format!("{text}: expected NAME=SHARE")));
        }
        assert_eq!(
            read(&["v2=5%", "v2=6%"]),
            Err("v2 is given twice".to_owned())
        );
        assert_eq!(
            read(&["a=50%", "b=50.01%"]),
            Err("a=50% b=50.01%: more than 100% together".to_owned())
        );
    }
}
