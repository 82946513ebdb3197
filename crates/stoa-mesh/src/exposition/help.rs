//! HELP texts for the families that are passed on. Envoy's own page has no HELP. The families that are shown while they are 0 have a
//! text here; the others are in Envoy's reference.

/// HELP of Envoy's families, by the end of the name.
const ENVOYS: [(&str, &str); 21] = [
    (
        "upstream_cx_overflow",
        "Connections not opened: the pool's limit of connections (503 UO).",
    ),
    (
        "upstream_cx_pool_overflow",
        "Connection pools not made: the limit of pools.",
    ),
    (
        "upstream_cx_connect_fail",
        "Connections that could not be opened (503 UF).",
    ),
    (
        "upstream_cx_connect_timeout",
        "Connections that took too long to open (503 UF).",
    ),
    (
        "upstream_cx_none_healthy",
        "Requests without a healthy endpoint (503 UH).",
    ),
    (
        "upstream_rq_pending_overflow",
        "Requests refused: the pool's limit of waiting requests (503 UO).",
    ),
    ("upstream_rq_retry", "Retries: attempts after the first."),
    ("upstream_rq_retry_success", "Retries that succeeded."),
    (
        "upstream_rq_retry_limit_exceeded",
        "Requests that failed after their last attempt (URX).",
    ),
    (
        "upstream_rq_retry_overflow",
        "Retries not made: the retry budget was spent.",
    ),
    (
        "upstream_rq_timeout",
        "Requests that took longer than their route's timeout (504 UT).",
    ),
    (
        "upstream_rq_per_try_timeout",
        "Attempts that took longer than perTryTimeout.",
    ),
    ("ejections_active", "Endpoints that are ejected now."),
    ("ejections_enforced_total", "Endpoints that were ejected."),
    (
        "ejections_overflow",
        "Ejections not made: too many endpoints were ejected already.",
    ),
    (
        "ssl_connection_error",
        "TLS connections that failed for another reason than a certificate.",
    ),
    (
        "ssl_fail_verify_error",
        "Certificates of the other side that are not valid: expired, or of another authority.",
    ),
    (
        "ssl_fail_verify_san",
        "Valid certificates of another identity than expected.",
    ),
    (
        "ssl_fail_verify_cert_hash",
        "Certificates that are not the pinned one.",
    ),
    (
        "ssl_fail_verify_no_cert",
        "TLS connections without the client certificate that is needed.",
    ),
    (
        "no_filter_chain_match",
        "Connections that fit nothing the listener takes: plaintext where mutual TLS is needed.",
    ),
];

/// The full name of a family, and its HELP.
const DAYS: (&str, &str) = (
    "envoy_server_days_until_first_cert_expiring",
    "Whole days, so 0 for certificates of hours: see stoa_certificate_expiry_timestamp_seconds.",
);

/// What follows `# HELP NAME`.
pub(super) fn help(name: &str) -> Option<&'static str> {
    if name == DAYS.0 {
        return Some(DAYS.1);
    }
    let ends = |end: &str| name.starts_with("envoy_") && name.ends_with(end);
    let found = ENVOYS.iter().find(|(end, _)| ends(&format!("_{end}")));
    found.map(|(_, help)| *help)
}
