//! The types that describe a fault and a kind of fault.

use stoa_filter::document::Object;

use crate::reply::Problem;

/// A fault that can be injected into a request or its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The name of the fault's kind, for counters and logs.
    pub kind: &'static str,
    /// The effect on the request or its response.
    pub effect: Effect,
}

/// The effect of a fault on a request or its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The filter replies, and the request does not reach payment.
    Reply(Problem),
    /// Payment handles the request. If payment's response has a 2xx status, the caller gets this problem document instead.
    LoseResponse(Problem),
    /// The body of payment's response reaches the caller at a limited rate.
    Throttle {
        /// The rate in bytes per second, at least 1.
        bytes_per_second: u64,
    },
}

/// One kind of fault.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The kind's name in configurations, in the header `x-stoa-fault`, in settings and in counters.
    pub name: &'static str,
    /// Reads the settings of this kind in a configuration. For `{"abort": {"http_status": 503}}`, the argument is the object
    /// `{"http_status": 503}`.
    pub read: fn(&Object<'_>) -> Option<Fault>,
    /// Reads the optional value after `NAME=` in the header `x-stoa-fault`.
    ///
    /// The error is the expected format, such as `abort=NUMBER with a whole number from 200 to 599`.
    pub read_header: fn(Option<&str>) -> Result<Fault, String>,
    /// The format in which `stoa fault set` accepts the kind.
    #[cfg(not(target_family = "wasm"))]
    pub setting: SettingSyntax,
    /// The VALUE in `NAME=SHARE:VALUE` with which an operator sets this fault. `None` if the fault is the default of its kind, so
    /// that no VALUE is needed.
    #[cfg(not(target_family = "wasm"))]
    pub describe: fn(&Fault) -> Option<String>,
}

/// The format in which an operator sets a kind of fault or a delay: `NAME=SHARE` or `NAME=SHARE:VALUE`.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Clone, Copy)]
pub struct SettingSyntax {
    /// The part of the syntax in the help text that stands for the optional value after the share, such as `[:CODE]`. Empty if the
    /// setting has no value.
    pub value: &'static str,
    /// The description of the setting in the help text: the effect on callers. If the setting has a value, this string also
    /// contains the default value, in brackets, as in `the caller gets 402 with this code [card_declined]`.
    pub summary: &'static str,
    /// The description of a valid value in an error message, for example `a rate from 1B/s to 1GiB/s, such as 1KiB/s`.
    pub expected: &'static str,
    /// Converts the optional value after the share to the kind's settings in a configuration. `None` if the value is not valid.
    pub configure: fn(Option<&str>) -> Option<serde_json::Value>,
}

/// Reads the value of the fault or delay `name` in the header `x-stoa-fault` as a whole number. The error is the expected format.
pub(crate) fn whole_number(
    name: &str,
    value: Option<&str>,
    from: u32,
    to: u32,
) -> Result<u32, String> {
    let number = value.and_then(|value| value.parse().ok());
    number
        .filter(|number| (from..=to).contains(number))
        .ok_or_else(|| format!("{name}=NUMBER with a whole number from {from} to {to}"))
}
