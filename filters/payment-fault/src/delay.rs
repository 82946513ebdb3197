//! The delays that a rule or a header can define.

use stoa_filter::chance::unit;
use stoa_filter::document::Node;

use crate::fault::whole_number;

/// Longest permitted delay, in milliseconds. A longer delay would be useless, because callers stop waiting before its end.
pub const MAX_DELAY_MS: u32 = 60_000;

/// The distribution of the time for which the filter holds a request, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always the same delay.
    Fixed(f64),
    /// Uniform between a minimum and a maximum.
    Uniform(f64, f64),
    /// Exponential.
    Exponential {
        /// The mean, 1/lambda.
        mean: f64,
        /// The upper bound: a longer sample is cut to this value.
        max: f64,
    },
    /// Log-normal.
    LogNormal {
        /// The median, exp(mu): half of all delays are shorter.
        median: f64,
        /// The standard deviation of the delay's logarithm.
        sigma: f64,
        /// The upper bound: a longer sample is cut to this value.
        max: f64,
    },
}

impl Delay {
    /// The name of the setting for a delay in configurations, in the header, in `stoa fault set` and in counters.
    pub const NAME: &str = "delay";

    /// Reads `{"fixed_ms": 100}`, `{"uniform_ms": {"min": 10, "max": 50}}`, `{"exponential_ms": {"mean": 20, "max": 500}}` or
    /// `{"log_normal_ms": {"median": 20, "sigma": 1.0, "max": 500}}`.
    pub fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let kinds = ["fixed_ms", "uniform_ms", "exponential_ms", "log_normal_ms"];
        let (kind, node) = object.one_of(&kinds)?;
        if kind == "fixed_ms" {
            return node.number(MAX_DELAY_MS).map(Self::Fixed);
        }
        let settings = node.object()?;
        let needed = |name| {
            let number = settings
                .required(name)
                .and_then(|node| node.number(MAX_DELAY_MS));
            number.unwrap_or_default()
        };
        let max = || {
            let number = settings
                .get("max")
                .and_then(|node| node.number(MAX_DELAY_MS));
            number.unwrap_or(f64::from(MAX_DELAY_MS))
        };
        Some(match kind {
            "uniform_ms" => {
                let (min, max) = (needed("min"), needed("max"));
                if min > max {
                    node.add_error("min is above max");
                }
                Self::Uniform(min, max)
            }
            "exponential_ms" => Self::Exponential {
                mean: needed("mean"),
                max: max(),
            },
            _ => Self::LogNormal {
                median: needed("median"),
                sigma: settings
                    .required("sigma")
                    .and_then(|node| node.number(10))
                    .unwrap_or_default(),
                max: max(),
            },
        })
    }

    /// Reads the milliseconds after `delay=` in the header `x-stoa-fault`.
    ///
    /// # Errors
    /// Returns the expected format if `value` is not a whole number of milliseconds up to [`MAX_DELAY_MS`].
    pub fn read_header(value: Option<&str>) -> Result<Self, String> {
        let millis = whole_number(Self::NAME, value, 0, MAX_DELAY_MS)?;
        Ok(Self::Fixed(millis.into()))
    }

    /// Draws one delay, in whole milliseconds. Each call of `roll` returns 64 random bits.
    pub fn sample(self, mut roll: impl FnMut() -> u64) -> u64 {
        let mut unit = || unit(roll());
        let (millis, max) = match self {
            Self::Fixed(ms) => (ms, ms),
            Self::Uniform(min, max) => (min + (max - min) * unit(), max),
            Self::Exponential { mean, max } => (-mean * unit().ln(), max),
            Self::LogNormal { median, sigma, max } => {
                (median * (sigma * normal(&mut unit)).exp(), max)
            }
        };
        // clamp() would add 16 KB of code, because its panic message prints floats.
        millis.max(0.0).min(max).round() as u64
    }
}

/// Draws a number of the standard normal distribution (Marsaglia's polar method, 1964). `unit` returns a uniform number from 0 to
/// 1.
fn normal(unit: &mut impl FnMut() -> f64) -> f64 {
    // A random pair (x, y) lies inside the unit circle with a probability of pi/4. If 64 pairs in sequence lie outside, the random
    // generator is broken, and this function returns the median of the distribution, 0.
    for _ in 0..64 {
        let (x, y) = (2.0 * unit() - 1.0, 2.0 * unit() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * square.ln() / square).sqrt();
        }
    }
    0.0
}

/// The format in which `stoa fault set` accepts a fixed delay.
#[cfg(not(target_family = "wasm"))]
pub(crate) const SETTING: crate::fault::SettingSyntax = crate::fault::SettingSyntax {
    value: "[:DURATION]",
    summary: "the request waits for this time, at most 60s [1s]",
    expected: "a duration in whole milliseconds from 0ms to 60s, such as 200ms",
    configure: |value| {
        let delay = humantime::parse_duration(value.unwrap_or("1s")).ok()?;
        let is_whole = delay.subsec_nanos().is_multiple_of(1_000_000);
        let millis = u32::try_from(delay.as_millis()).ok();
        let millis = millis.filter(|millis| is_whole && *millis <= MAX_DELAY_MS)?;
        Some(serde_json::json!({"fixed_ms": millis}))
    },
};

/// The duration of a fixed delay, in the format of [`SETTING`]. `None` if the delay is not fixed.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn describe(delay: &Delay) -> Option<String> {
    let Delay::Fixed(millis) = *delay else {
        return None;
    };
    let delay = std::time::Duration::from_millis(millis as u64);
    Some(
        humantime::format_duration(delay)
            .to_string()
            .replace(' ', ""),
    )
}
