//! The header `x-stoa-fault`, with which a caller requests a fault: `delay=250, decline=insufficient_funds; percentage=20;
//! secret=...`.
//!
//! The services forward this header with every call. So a caller can set the header at the shop's ingress, and the filter in
//! payment's sidecar reads it. The secret is a part of this header, because the services would not forward a separate header.

use stoa_filter::chance::{Fraction, MILLION};

use crate::delay::Delay;
use crate::fault::{self, Fault, KINDS};

/// The header's name.
pub const FAULT_HEADER: &str = "x-stoa-fault";

/// A caller's request for a fault, a delay or both.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRequest {
    /// The requested fault.
    pub fault: Option<Fault>,
    /// The requested delay. The request is delayed before it gets the fault.
    pub delay: Option<Delay>,
    /// Of the requests with this header, the share that gets the fault.
    pub share: Fraction,
}

impl FaultRequest {
    /// Splits the header's value at the first semicolon into the faults and the parameters (`name=value; name=value`).
    pub fn split(value: &str) -> (&str, &str) {
        value.split_once(';').unwrap_or((value, ""))
    }

    /// The value of the parameter `name`.
    pub fn parameter<'v>(parameters: &'v str, name: &str) -> Option<&'v str> {
        parameters.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key.trim() == name).then_some(value.trim())
        })
    }

    /// Reads a fault, a delay, or both separated by a comma. A fault is, for example, `decline`, `decline=CODE` or
    /// `abort=grpc:STATUS`. A delay is `delay=MILLISECONDS`. The number after `percentage=`, from 0 to 100, is the percentage of
    /// the requests with this header that get the fault.
    ///
    /// # Errors
    /// An error text for the log. The text contains the invalid part of the header and the expected format.
    pub fn parse(faults: &str, percentage: Option<&str>) -> Result<Self, String> {
        let percentage = match percentage {
            Some(text) => text.parse().ok().filter(|number| *number <= 100),
            None => Some(100),
        };
        let percentage = percentage.ok_or("percentage: expected a whole number from 0 to 100")?;
        let mut request = Self {
            fault: None,
            delay: None,
            share: Fraction::new(percentage * (MILLION / 100)),
        };
        for part in faults.split(',').map(str::trim) {
            let invalid = |expected: String| ["\"", part, "\": expected ", &expected].concat();
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (part, None),
            };
            if name == Delay::NAME {
                let delay = Delay::read_header(value).map_err(invalid)?;
                if request.delay.replace(delay).is_some() {
                    return Err("delay: given twice".to_owned());
                }
                continue;
            }
            let Some(kind) = fault::find(name) else {
                let names = KINDS.each_ref().map(|kind| kind.name).join(", ");
                return Err(invalid(["one of ", &names, ", ", Delay::NAME].concat()));
            };
            let fault = (kind.read_header)(value).map_err(invalid)?;
            if request.fault.replace(fault).is_some() {
                return Err(
                    "more than one fault; expected one fault, one delay, or both".to_owned(),
                );
            }
        }
        Ok(request)
    }
}
