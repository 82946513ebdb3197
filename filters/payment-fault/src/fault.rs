//! What can go wrong, and how long it takes.

use stoa_filter::chance::unit;
use stoa_filter::document::Node;

use crate::asked::decline_code;

/// The longest delay: beyond it any caller has given up.
pub const LONGEST_DELAY_MS: u32 = 60_000;

/// The most bytes a second that a throttle can be set to: more is none.
const FASTEST_THROTTLE: u64 = 1 << 30;

/// What a request meets instead of, or on top of, its answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// 402 with a problem document, as payment answers when the card is declined.
    Decline {
        /// The `decline_code`.
        code: String,
    },
    /// An answer of this status, without a word from the service.
    Abort {
        /// An HTTP status, 200 to 599, for a request that is no gRPC.
        http: u16,
        /// A gRPC status, 0 to 16, for one that is.
        grpc: Option<u32>,
    },
    /// The service does its work, and the caller is told 503: charged, but never told.
    LostResponse,
    /// The answer comes at so many bytes a second.
    Throttle {
        /// More than none.
        bytes_per_second: u64,
    },
}

impl Default for Fault {
    /// What a card processor says most often when it says no.
    fn default() -> Self {
        Self::Decline {
            code: "card_declined".to_owned(),
        }
    }
}

impl Fault {
    /// For counters and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Decline { .. } => "decline",
            Self::Abort { .. } => "abort",
            Self::LostResponse => "lost_response",
            Self::Throttle { .. } => "throttle",
        }
    }

    /// Reads `{"decline": {...}}`, `{"abort": {...}}`, `{"lost_response": {}}` or `{"throttle": {...}}`.
    pub fn of(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let (kind, node) = object.one_of(&["decline", "abort", "lost_response", "throttle"])?;
        let settings = node.object()?;
        Some(match kind {
            "decline" => match settings.get("code") {
                Some(node) => Self::Decline {
                    code: decline_code(&node.text()?).or_else(|| {
                        node.not("a word in snake_case, at most 64 letters");
                        None
                    })?,
                },
                None => Self::default(),
            },
            "abort" => {
                let http = settings.get("http_status");
                let grpc = settings.get("grpc_status");
                if http.is_none() && grpc.is_none() {
                    node.fault("expected http_status, grpc_status or both");
                }
                let http = http.and_then(|node| node.integer(200..=599));
                let grpc = grpc.and_then(|node| node.integer(0..=16));
                Self::Abort {
                    http: http.unwrap_or(503) as u16,
                    grpc: grpc.map(|status| status as u32),
                }
            }
            "throttle" => {
                let rate = settings.need("bytes_per_second");
                let rate = rate.and_then(|node| node.integer(1..=FASTEST_THROTTLE));
                Self::Throttle {
                    bytes_per_second: rate.unwrap_or(1),
                }
            }
            _ => Self::LostResponse,
        })
    }
}

/// How long a request is held up before it goes on, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always so long.
    Fixed(f64),
    /// Anything between, each as likely.
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
    /// For counters.
    pub const KIND: &str = "delay";

    /// Reads `{"fixed_ms": 100}`, `{"uniform_ms": {"min": 10, "max": 50}}`, `{"exponential_ms": {"mean": 20, "max": 500}}` or
    /// `{"log_normal_ms": {"median": 20, "sigma": 1.0, "max": 500}}`.
    pub fn of(node: &Node<'_>) -> Option<Self> {
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

    /// One of them, in whole milliseconds. `roll` gives 64 random bits a call.
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
        // clamp() would bring the printing of floats with it, 16 KB.
        millis.max(0.0).min(max).round() as u64
    }
}

/// A number of the standard normal distribution (Marsaglia's polar method, 1964).
fn normal(unit: &mut impl FnMut() -> f64) -> f64 {
    // Each pair fits with a chance of pi/4: a generator that never fits is no generator, and 0 is its median.
    for _ in 0..64 {
        let (x, y) = (2.0 * unit() - 1.0, 2.0 * unit() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * square.ln() / square).sqrt();
        }
    }
    0.0
}
