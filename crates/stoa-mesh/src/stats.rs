//! The names of Envoy's statistics, as under Istio: by the rules of Istio's bootstrap. Envoy's own rules cut a cluster's name at its
//! first dot, and put the rest into the metric's name.

use serde_json::{Value, json};

/// A label, and the pattern that extracts it (istio/istio, `tools/packaging/common/envoy_bootstrap.json`).
const TAGS: [(&str, &str); 15] = [
    ("cluster_name", r"^cluster(\.(.+);)"),
    (
        "http_conn_manager_prefix",
        r"^http\.(((?:[_.[:digit:]\w]*|[_\[\]aAbBcCdDeEfF[:digit:]\w\:]*));\.)",
    ),
    ("thread_name", r"^server(\.(.+))\.watchdog"),
    ("tcp_prefix", r"^tcp\.((.*?)\.)\w+?$"),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    (
        "http_conn_manager_listener_prefix",
        r"^listener(?=\.).*?\.http\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)",
    ),
    (
        "listener_address",
        r"^listener\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)",
    ),
    ("cache", r"(cache\.(.+?)\.)"),
    ("component", r"(component\.(.+?)\.)"),
    ("tag", r"(tag\.(.+?);\.)"),
    ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
    ("authz_enforce_result", r"rbac(\.(allowed|denied))"),
    ("authz_dry_run_action", r"(\.istio_dry_run_(allow|deny)_)"),
    ("authz_dry_run_result", r"(\.shadow_(allowed|denied))"),
];

/// The bootstrap's `stats_config`. Istio keeps only some statistics by default; here all are kept.
pub(crate) fn config() -> Value {
    let tags = TAGS.map(|(name, regex)| json!({"tag_name": name, "regex": regex}));
    json!({"use_all_default_tags": false, "stats_tags": tags})
}
