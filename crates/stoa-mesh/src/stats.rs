//! Rules by which Envoy makes the names and the labels of its statistics. The rules are from Istio's bootstrap, so that the
//! statistics have the same names as on a Kubernetes cluster. Envoy's default rules are not used, because they cut the name of an
//! Envoy cluster at its first dot and put the remainder into the metric's name.

use serde_json::{Value, json};

/// The name of each label, and the pattern that extracts the label's value from the name of a statistic. The source is the file
/// `tools/packaging/common/envoy_bootstrap.json` in the repository istio/istio.
const LABEL_PATTERNS: [(&str, &str); 15] = [
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

/// The `stats_config` of an Envoy's bootstrap. By default, Istio keeps only some statistics; this mesh keeps all statistics.
pub(crate) fn config() -> Value {
    let tags = LABEL_PATTERNS.map(|(name, regex)| json!({"tag_name": name, "regex": regex}));
    json!({"use_all_default_tags": false, "stats_tags": tags})
}
