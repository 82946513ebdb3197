//! `x-stoa-fault`: a fault that a caller asks for, such as `delay=250, decline=insufficient_funds; percentage=20; secret=...`.
//!
//! The services pass this header on with every call, so it can be set at the shop's door and act in payment's sidecar. So the
//! secret is part of its value, and not a header of its own.

use stoa_filter::chance::{Fraction, MILLION};

use crate::fault::{Delay, Fault, LONGEST_DELAY_MS};

/// The header's name.
pub const FAULT_HEADER: &str = "x-stoa-fault";

/// What is asked for: a fault, a delay, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// How long it takes before.
    pub delay: Option<Delay>,
    /// Of the requests that ask for it.
    pub share: Fraction,
}

impl Asked {
    /// The wish, and what stands behind it as `; name=value`.
    pub fn split(value: &str) -> (&str, &str) {
        value.split_once(';').unwrap_or((value, ""))
    }

    /// One of the values behind a wish.
    pub fn parameter<'v>(rest: &'v str, name: &str) -> Option<&'v str> {
        rest.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key.trim() == name).then_some(value.trim())
        })
    }

    /// Reads `decline`, `decline=CODE`, `abort=STATUS`, `abort=grpc:STATUS`, `lost_response`, `throttle=BYTES_PER_SECOND` or
    /// `delay=MILLISECONDS`; a delay may stand beside another, with a comma between. `percentage` says how many of those that ask get it.
    ///
    /// # Errors
    /// What cannot be read, in words for a log.
    pub fn parse(wanted: &str, percentage: Option<&str>) -> Result<Self, String> {
        let percentage = match percentage {
            Some(text) => text.parse().ok().filter(|number| *number <= 100),
            None => Some(100),
        };
        let mut asked = Self {
            fault: None,
            delay: None,
            share: Fraction::new(
                percentage.ok_or("percentage= is not a whole number from 0 to 100")?
                    * (MILLION / 100),
            ),
        };
        for part in wanted.split(',').map(str::trim) {
            let not = |expected: &str| [part, " is not ", expected].concat();
            let (word, value) = match part.split_once('=') {
                Some((word, value)) => (word.trim_end(), Some(value.trim_start())),
                None => (part, None),
            };
            let number = |from: u32, to: u32| {
                let number = value.and_then(|value| value.parse().ok());
                number
                    .filter(|number| (from..=to).contains(number))
                    .ok_or_else(|| not(&format!("{word}= and a whole number from {from} to {to}")))
            };
            let fault = match (word, value) {
                ("delay", _) => {
                    let delay = Delay::Fixed(number(0, LONGEST_DELAY_MS)?.into());
                    if asked.delay.replace(delay).is_some() {
                        return Err("delay stands twice".to_owned());
                    }
                    continue;
                }
                ("decline", None) => Fault::default(),
                ("decline", Some(code)) => Fault::Decline {
                    code: decline_code(code)
                        .ok_or_else(|| not("decline= and a word in snake_case"))?,
                },
                ("abort", Some(status)) if status.starts_with("grpc:") => {
                    let status = status
                        .strip_prefix("grpc:")
                        .and_then(|status| status.parse().ok());
                    let status = status.filter(|status| *status <= 16);
                    Fault::Abort {
                        http: 503,
                        grpc: Some(status.ok_or_else(|| not("abort=grpc: and 0 to 16"))?),
                    }
                }
                ("abort", _) => Fault::Abort {
                    http: number(200, 599)? as u16,
                    grpc: None,
                },
                ("lost_response", None) => Fault::LostResponse,
                ("throttle", _) => Fault::Throttle {
                    bytes_per_second: number(1, 1 << 30)?.into(),
                },
                _ => return Err(not("one of decline, abort, lost_response, throttle, delay")),
            };
            if asked.fault.replace(fault).is_some() {
                return Err("more than one fault beside a delay".to_owned());
            }
        }
        Ok(asked)
    }
}

/// A decline code, if `text` can be one: it goes into a JSON document and a log.
pub(crate) fn decline_code(text: &str) -> Option<String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    ((1..=64).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}
