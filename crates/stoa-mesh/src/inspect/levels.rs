//! The names of Envoy's log levels.

pub(super) const LEVELS: [&str; 7] = [
    "trace", "debug", "info", "warning", "error", "critical", "off",
];
