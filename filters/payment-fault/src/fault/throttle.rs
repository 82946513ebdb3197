//! The fault `throttle`: the response's body reaches the caller slowly.

use super::kind::{Effect, Fault, Kind, whole_number};

/// Highest permitted rate: 1 GiB/s. A higher rate would not slow down any response.
const MAX_BYTES_PER_SECOND: u32 = 1 << 30;

const NAME: &str = "throttle";

pub(super) const KIND: Kind = Kind {
    name: NAME,
    read: |settings| {
        let rate = settings.required("bytes_per_second");
        let rate = rate.and_then(|node| node.integer(1..=MAX_BYTES_PER_SECOND.into()));
        Some(throttle(rate.unwrap_or(1)))
    },
    read_header: |value| {
        let rate = whole_number(NAME, value, 1, MAX_BYTES_PER_SECOND)?;
        Ok(throttle(rate.into()))
    },
    #[cfg(not(target_family = "wasm"))]
    setting: super::kind::SettingSyntax {
        value: "[:RATE]",
        summary: "the response arrives at this rate [1KiB/s]",
        expected: "a rate from 1B/s to 1GiB/s, such as 1KiB/s",
        configure: |value| {
            let rate: bytesize::ByteSize =
                value.unwrap_or("1KiB/s").strip_suffix("/s")?.parse().ok()?;
            let rate = rate.as_u64();
            (1..=MAX_BYTES_PER_SECOND.into())
                .contains(&rate)
                .then(|| serde_json::json!({"bytes_per_second": rate}))
        },
    },
    #[cfg(not(target_family = "wasm"))]
    describe: |fault| match fault.effect {
        Effect::Throttle { bytes_per_second } => Some(rate(bytes_per_second)),
        _ => None,
    },
};

/// A throttle: the response's body reaches the caller at this rate.
pub fn throttle(bytes_per_second: u64) -> Fault {
    Fault {
        kind: NAME,
        effect: Effect::Throttle { bytes_per_second },
    }
}

/// Formats a rate, such as `1KiB/s`, in the largest unit in which the rate is a whole number. So the rate is not rounded.
#[cfg(not(target_family = "wasm"))]
fn rate(bytes_per_second: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let exact = units
        .into_iter()
        .find(|(bits, _)| bytes_per_second > 0 && bytes_per_second.is_multiple_of(1 << bits));
    let (bits, unit) = exact.unwrap_or((0, "B"));
    format!("{}{unit}/s", bytes_per_second >> bits)
}
