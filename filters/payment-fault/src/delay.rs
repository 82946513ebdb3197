//! Delays of requests.

use stoa_filter::chance::unit;
use stoa_filter::document::Node;

use crate::fault::whole_number;

/// The longest delay: callers give up earlier.
pub const LONGEST_DELAY_MS: u32 = 60_000;

/// How long the filter holds a request before it continues, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always this long.
    Fixed(f64),
    /// Uniform between the two.
    Uniform(f64, f64),
    /// Exponential with this mean.
    Exponential {
        /// 1/lambda.
        mean: f64,
        /// Never longer.
        max: f64,
    },
    /// Log-normal: half of all below the median.
    LogNormal {
        /// exp(mu).
        median: f64,
        /// The standard deviation of the logarithm.
        sigma: f64,
        /// Never longer.
        max: f64,
    },
}

impl Delay {
    /// The name in configurations, in the header, in settings and in counters.
    pub const NAME: &str = "delay";

    /// Reads `{"fixed_ms": 100}`, `{"uniform_ms": {"min": 10, "max": 50}}`, `{"exponential_ms": {"mean": 20, "max": 500}}` or
    /// `{"log_normal_ms": {"median": 20, "sigma": 1.0, "max": 500}}`.
    pub fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let kinds = ["fixed_ms", "uniform_ms", "exponential_ms", "log_normal_ms"];
        let (kind, node) = object.one_of(&kinds)?;
        if kind == "fixed_ms" {
            return node.number(LONGEST_DELAY_MS).map(Self::Fixed);
        }
        let settings = node.object()?;
        let needed = |name| {
            let number = settings
                .need(name)
                .and_then(|node| node.number(LONGEST_DELAY_MS));
            number.unwrap_or_default()
        };
        let max = || {
            let number = settings
                .get("max")
                .and_then(|node| node.number(LONGEST_DELAY_MS));
            number.unwrap_or(f64::from(LONGEST_DELAY_MS))
        };
        Some(match kind {
            "uniform_ms" => {
                let (min, max) = (needed("min"), needed("max"));
                if min > max {
                    node.fault("min is above max");
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
                    .need("sigma")
                    .and_then(|node| node.number(10))
                    .unwrap_or_default(),
                max: max(),
            },
        })
    }

    /// Reads the milliseconds of the header, behind `delay=`. The error states what is expected there.
    ///
    /// # Errors
    /// If they are not a whole number, or too many.
    pub fn read_header(value: Option<&str>) -> Result<Self, String> {
        let millis = whole_number(Self::NAME, value, 0, LONGEST_DELAY_MS)?;
        Ok(Self::Fixed(millis.into()))
    }

    /// One sample, in whole milliseconds. `roll` returns 64 random bits per call.
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
        // clamp() would add the code that prints floats, 16 KB.
        millis.max(0.0).min(max).round() as u64
    }
}

/// A number of the standard normal distribution (Marsaglia's polar method, 1964).
fn normal(unit: &mut impl FnMut() -> f64) -> f64 {
    // A pair lies in the circle with a probability of pi/4. If 64 pairs do not, the generator is broken; 0 is the median.
    for _ in 0..64 {
        let (x, y) = (2.0 * unit() - 1.0, 2.0 * unit() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * square.ln() / square).sqrt();
        }
    }
    0.0
}

/// How `stoa fault set` sets a fixed delay.
#[cfg(not(target_family = "wasm"))]
pub(crate) const SETTING: crate::fault::SettingSyntax = crate::fault::SettingSyntax {
    value: "[:DURATION]",
    summary: "the request waits this long, 60s at most [1s]",
    expected: "a duration in whole milliseconds from 0ms to 60s, such as 200ms",
    configure: |value| {
        let delay = humantime::parse_duration(value.unwrap_or("1s")).ok()?;
        let is_whole = delay.subsec_nanos().is_multiple_of(1_000_000);
        let millis = u32::try_from(delay.as_millis()).ok();
        let millis = millis.filter(|millis| is_whole && *millis <= LONGEST_DELAY_MS)?;
        Some(serde_json::json!({"fixed_ms": millis}))
    },
};

/// The duration that [`SETTING`] reads; `None` for a delay that is not fixed.
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
