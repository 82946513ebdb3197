//! What a fault is, and what each kind of fault defines.

use stoa_filter::document::Object;

use crate::reply::Problem;

/// What a request gets instead of its response, or in addition to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The name of its kind, for counters and logs.
    pub kind: &'static str,
    /// What happens.
    pub effect: Effect,
}

/// What a fault does to a request or its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The filter replies; the request never reaches payment.
    Reply(Problem),
    /// Payment does its work; a response with a 2xx status is replaced by this one.
    LoseResponse(Problem),
    /// The response's body arrives at this rate.
    Throttle {
        /// At least 1.
        bytes_per_second: u64,
    },
}

/// One kind of fault.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name in configurations, in the header, in settings and in counters.
    pub name: &'static str,
    /// Reads its settings in a configuration, such as those of `{"abort": {"http_status": 503}}`.
    pub read: fn(&Object<'_>) -> Option<Fault>,
    /// Reads the value behind its name and `=` in the header, if there is one.
    ///
    /// The error states what is expected there, such as `abort= and a whole number from 200 to 599`.
    pub read_header: fn(Option<&str>) -> Result<Fault, String>,
    /// How `stoa fault set` sets it.
    #[cfg(not(target_family = "wasm"))]
    pub setting: SettingSyntax,
    /// The value behind the share that gives this fault; `None`, if it can be left out.
    #[cfg(not(target_family = "wasm"))]
    pub describe: fn(&Fault) -> Option<String>,
}

/// How an operator sets a kind of fault or a delay, as `NAME=SHARE` or `NAME=SHARE:VALUE`.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Clone, Copy)]
pub struct SettingSyntax {
    /// What may follow the share, such as `[:CODE]`; empty, if nothing may.
    pub value: &'static str,
    /// What callers get, and the default value.
    pub summary: &'static str,
    /// What a value must be, for error messages.
    pub expected: &'static str,
    /// The settings in a configuration, from the value behind the share. `None`: the value is not valid.
    pub configure: fn(Option<&str>) -> Option<serde_json::Value>,
}

/// Reads a whole number of the header. The error states what is expected.
pub(crate) fn whole_number(
    name: &str,
    value: Option<&str>,
    from: u32,
    to: u32,
) -> Result<u32, String> {
    let number = value.and_then(|value| value.parse().ok());
    number
        .filter(|number| (from..=to).contains(number))
        .ok_or_else(|| format!("{name}= and a whole number from {from} to {to}"))
}
