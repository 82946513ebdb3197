//! HELP texts for the metric families that an Envoy reports. They are needed because the page that Envoy itself renders contains no
//! HELP texts. This file explains only the families that the metrics page of this program shows even if their value is 0. Envoy's
//! reference explains the other families.

/// Pairs of the end of a metric family's name and the family's HELP text.
const HELP_BY_SUFFIX: [(&str, &str); 21] = [
    (
        "upstream_cx_overflow",
        "Connections that were not opened, because the upstream cluster already had its maximum number of connections (access log: 503 UO).",
    ),
    (
        "upstream_cx_pool_overflow",
        "Connection pools that were not created, because the upstream cluster already had its maximum number of connection pools.",
    ),
    (
        "upstream_cx_connect_fail",
        "Connections that could not be opened (access log: 503 UF).",
    ),
    (
        "upstream_cx_connect_timeout",
        "Connections that took too long to open (access log: 503 UF).",
    ),
    (
        "upstream_cx_none_healthy",
        "Requests for which the upstream cluster had no healthy endpoint (access log: 503 UH).",
    ),
    (
        "upstream_rq_pending_overflow",
        "Requests that were rejected, because the upstream cluster already had its maximum number of waiting requests (access log: 503 UO).",
    ),
    (
        "upstream_rq_retry",
        "Retries of requests. First attempts are not counted.",
    ),
    ("upstream_rq_retry_success", "Retries that succeeded."),
    (
        "upstream_rq_retry_limit_exceeded",
        "Requests that failed at every permitted attempt (access log: URX).",
    ),
    (
        "upstream_rq_retry_overflow",
        "Retries that were not made, because the retry budget was spent.",
    ),
    (
        "upstream_rq_timeout",
        "Requests that took longer than their route's timeout (access log: 504 UT).",
    ),
    (
        "upstream_rq_per_try_timeout",
        "Attempts that took longer than the perTryTimeout of their request's route.",
    ),
    (
        "ejections_active",
        "The number of endpoints that are ejected at the moment.",
    ),
    ("ejections_enforced_total", "Ejections of endpoints."),
    (
        "ejections_overflow",
        "Ejections that were not made, because the maximum share of endpoints was already ejected.",
    ),
    (
        "ssl_connection_error",
        "TLS connections that failed for a reason other than a certificate.",
    ),
    (
        "ssl_fail_verify_error",
        "Certificates that peers presented and that are invalid, because they expired or the trusted authority did not sign them.",
    ),
    (
        "ssl_fail_verify_san",
        "Certificates that peers presented and that are valid, but contain an unexpected identity.",
    ),
    (
        "ssl_fail_verify_cert_hash",
        "Certificates that peers presented and that differ from the pinned certificate.",
    ),
    (
        "ssl_fail_verify_no_cert",
        "TLS connections without a client certificate, although the listener requires one.",
    ),
    (
        "no_filter_chain_match",
        "Connections that matched no filter chain of the listener, such as plaintext where mutual TLS is required.",
    ),
];

/// The full name of the metric family that reports the days until the certificates expire, and its HELP text.
const DAYS_UNTIL_EXPIRY: (&str, &str) = (
    "envoy_server_days_until_first_cert_expiring",
    "Whole days until the first certificate expires, so always 0 for certificates that are valid for hours. Use stoa_certificate_expiry_timestamp_seconds instead.",
);

/// The HELP text of the metric family `name`; `None` if this file contains no text for it.
pub(super) fn help(name: &str) -> Option<&'static str> {
    if name == DAYS_UNTIL_EXPIRY.0 {
        return Some(DAYS_UNTIL_EXPIRY.1);
    }
    let has_suffix = |suffix: &str| name.starts_with("envoy_") && name.ends_with(suffix);
    let found = HELP_BY_SUFFIX
        .iter()
        .find(|(suffix, _)| has_suffix(&format!("_{suffix}")));
    found.map(|(_, help)| *help)
}
