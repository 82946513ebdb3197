//! `x-stoa-fault`: a fault that a caller requests, such as `delay=250, decline=insufficient_funds; percentage=20; secret=...`.
//!
//! The services forward this header with every call. So it can be set at the shop's ingress and act in payment's sidecar, and
//! the secret is part of its value instead of a header of its own.

use stoa_filter::chance::{Fraction, MILLION};

use crate::delay::Delay;
use crate::fault::{self, Fault, KINDS};

/// The header's name.
pub const FAULT_HEADER: &str = "x-stoa-fault";

/// What a caller requests: a fault, a delay, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRequest {
    /// The fault.
    pub fault: Option<Fault>,
    /// The delay before it.
    pub delay: Option<Delay>,
    /// The share of such requests that get it.
    pub share: Fraction,
}

impl FaultRequest {
    /// The faults, and the parameters behind them as `; name=value`.
    pub fn split(value: &str) -> (&str, &str) {
        value.split_once(';').unwrap_or((value, ""))
    }

    /// The value of one parameter.
    pub fn parameter<'v>(parameters: &'v str, name: &str) -> Option<&'v str> {
        parameters.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key.trim() == name).then_some(value.trim())
        })
    }

    /// Reads a fault, such as `decline`, `decline=CODE` or `abort=grpc:STATUS`; or `delay=MILLISECONDS`; or both, with a comma between.
    /// `percentage` is the share of such requests that get it.
    ///
    /// # Errors
    /// The part that cannot be read, as text for a log.
    pub fn parse(faults: &str, percentage: Option<&str>) -> Result<Self, String> {
        let percentage = match percentage {
            Some(text) => text.parse().ok().filter(|number| *number <= 100),
            None => Some(100),
        };
        let percentage = percentage.ok_or("percentage= is not a whole number from 0 to 100")?;
        let mut request = Self {
            fault: None,
            delay: None,
            share: Fraction::new(percentage * (MILLION / 100)),
        };
        for part in faults.split(',').map(str::trim) {
            let not = |expected: String| [part, " is not ", &expected].concat();
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (part, None),
            };
            if name == Delay::NAME {
                let delay = Delay::read_header(value).map_err(not)?;
                if request.delay.replace(delay).is_some() {
                    return Err("delay stands twice".to_owned());
                }
                continue;
            }
            let Some(kind) = fault::find(name) else {
                let names = KINDS.each_ref().map(|kind| kind.name).join(", ");
                return Err(not(["one of ", &names, ", ", Delay::NAME].concat()));
            };
            let fault = (kind.read_header)(value).map_err(not)?;
            if request.fault.replace(fault).is_some() {
                return Err("more than one fault beside a delay".to_owned());
            }
        }
        Ok(request)
    }
}
