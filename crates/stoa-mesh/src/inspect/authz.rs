//! Shows the AuthorizationPolicies that an Envoy enforces. Istio compiled the policies into the Envoy's RBAC filters.

use std::collections::BTreeSet;

use serde_json::Value;

use super::condition::Conditions;
use super::envoy::Envoy;
use super::error::InspectError;
use super::table::{Table, or_dash};
use super::value::{items, pretty, text};

/// The path of a request for the numbers of allowed and denied requests.
const RBAC_STATS_PATH: &str = "/stats?filter=rbac.(allowed|denied)$";

/// A table of the rules in the AuthorizationPolicies that an Envoy enforces. Each rule states which requests a caller may send, or
/// which requests it may not send.
///
/// # Errors
/// If the Envoy does not answer.
pub async fn authz(envoy: &Envoy, as_json: bool) -> Result<String, InspectError> {
    let dump = envoy.dump().await?;
    let mut rows = BTreeSet::new();
    for listener in dump.listeners() {
        let default = listener.get("default_filter_chain");
        for chain in items(listener, "/filter_chains").chain(default) {
            for filter in items(chain, "/filters") {
                let inner = items(filter, "/typed_config/http_filters");
                for filter in inner.chain([filter]) {
                    if let Some(config) = filter.get("typed_config") {
                        rows.extend(rows_of(config));
                    }
                }
            }
        }
    }
    if rows.is_empty() && !as_json {
        let name = &envoy.name;
        return Ok(format!(
            "no AuthorizationPolicy applies to {name}, so its Envoy rejects no caller\n"
        ));
    }
    let mut table = Table::new([
        "ACTION",
        "AuthorizationPolicy",
        "RULE",
        "FROM",
        "METHODS",
        "PATHS",
        "WHEN",
    ]);
    for row in rows {
        let [from, methods, paths, when] = row.columns;
        let action = format!(
            "{}{}",
            row.action,
            if row.dry_run { " (dry run)" } else { "" }
        );
        let when = or_dash(when);
        table.row([action, row.policy, row.rule, from, methods, paths, when]);
    }
    let stats = envoy.get(RBAC_STATS_PATH).await?;
    let count = |counter: &str| -> u64 {
        let lines = stats.lines().filter_map(|line| line.rsplit_once(": "));
        let matching = lines.filter(|(name, _)| name.ends_with(counter));
        matching
            .filter_map(|(_, value)| value.parse::<u64>().ok())
            .sum()
    };
    let (allowed, denied) = (count("rbac.allowed"), count("rbac.denied"));
    if as_json {
        let rules = table.objects();
        return Ok(pretty(
            &serde_json::json!({"rules": rules, "allowed": allowed, "denied": denied}),
        ));
    }
    Ok(table.or("")
        + &format!("\nrequests since the Envoy started: {allowed} allowed, {denied} denied\n"))
}

/// One row of the table. It shows a rule, or one of the rule's alternatives if the rule has several. The rows are sorted by the
/// rules' actions, in the order in which Istio applies these actions: CUSTOM, DENY, ALLOW, LOG.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// The position of the rule's action in the order CUSTOM, DENY, ALLOW, LOG.
    order: usize,
    action: String,
    dry_run: bool,
    policy: String,
    rule: String,
    /// The texts in four columns of the table: the callers, the methods, the paths, and the other conditions.
    columns: [String; 4],
}

fn rows_of(config: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    if !text(config, "/@type").ends_with(".RBAC") {
        return rows;
    }
    for (part, dry_run) in [("rules", false), ("shadow_rules", true)] {
        let Some(rules) = config.get(part) else {
            continue;
        };
        let action = match text(rules, "/action") {
            "" => "ALLOW",
            action => action,
        };
        let policies = rules.get("policies").and_then(Value::as_object);
        for (name, policy) in policies.into_iter().flatten() {
            let custom = name.starts_with("istio-ext-authz-");
            let action = if custom { "CUSTOM" } else { action };
            let order = ["CUSTOM", "DENY", "ALLOW", "LOG"]
                .iter()
                .position(|a| *a == action);
            let (policy_name, rule) = policy_and_rule(name);
            for columns in alternatives(policy) {
                rows.push(Row {
                    order: order.unwrap_or(usize::MAX),
                    action: action.to_owned(),
                    // Envoy's shadow rules usually are a dry run of a policy. A CUSTOM policy (a call to an external service) is
                    // not a dry run, but Istio writes it as shadow rules too.
                    dry_run: dry_run && !custom,
                    policy: policy_name.clone(),
                    rule: rule.clone(),
                    columns,
                });
            }
        }
        if policies.is_none_or(serde_json::Map::is_empty) && part == "rules" {
            rows.push(Row {
                order: 0,
                action: action.to_owned(),
                dry_run,
                policy: "-".to_owned(),
                rule: "-".to_owned(),
                columns: ["nobody", "-", "-", ""].map(str::to_owned),
            });
        }
    }
    rows
}

/// Splits the name of an RBAC policy into the name of the AuthorizationPolicy and the rule's number:
/// `ns[bookinfo]-policy[reviews]-rule[0]` gives `reviews.bookinfo` and `0`.
fn policy_and_rule(name: &str) -> (String, String) {
    let part = |before: &str| {
        let (_, rest) = name.split_once(before)?;
        Some(rest.split_once(']')?.0)
    };
    match (part("ns["), part("-policy["), part("-rule[")) {
        (Some(namespace), Some(policy), Some(rule)) => {
            (format!("{policy}.{namespace}"), rule.to_owned())
        }
        _ => (name.to_owned(), "-".to_owned()),
    }
}

/// The rows for an RBAC policy. There is one row for each pair of a principal and a permission in the policy, and a row has four
/// columns.
fn alternatives(policy: &Value) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for principal in items(policy, "/principals") {
        for permission in items(policy, "/permissions") {
            let mut conditions = Conditions::default();
            conditions.add(principal);
            conditions.add(permission);
            rows.push(conditions.columns());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn method(name: &str) -> Value {
        json!({"header": {"name": ":method", "string_match": {"exact": name}}})
    }

    fn from(uri: &str) -> Value {
        json!({"authenticated": {"principal_name": {"exact": uri}}})
    }

    fn rbac(rules: Value) -> Vec<Row> {
        rows_of(
            &json!({"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC", "rules": rules}),
        )
    }

    #[test]
    fn a_rule_is_shown_with_its_callers_methods_and_paths() {
        let rows = rbac(json!({"policies": {"ns[shop]-policy[cart]-rule[1]": {
            "permissions": [{"and_rules": {"rules": [
                {"or_rules": {"rules": [method("GET"), method("HEAD")]}},
                {"or_rules": {"rules": [{"url_path": {"path": {"exact": "/cart"}}},
                    {"uri_template": {"typed_config": {"path_template": "/cart/*"}}}]}},
            ]}}],
            "principals": [{"and_ids": {"ids": [{"or_ids": {"ids": [from("spiffe://a"), from("spiffe://b")]}}]}}],
        }}}));
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (
                rows[0].action.as_str(),
                rows[0].policy.as_str(),
                rows[0].rule.as_str()
            ),
            ("ALLOW", "cart.shop", "1")
        );
        assert_eq!(
            rows[0].columns,
            ["spiffe://a, spiffe://b", "GET, HEAD", "/cart, /cart/*", ""]
        );
    }

    #[test]
    fn a_policy_that_matches_no_request_is_shown_with_the_caller_nobody() {
        let rows = rbac(
            json!({"policies": {"ns[shop]-policy[deny-by-default]-rule[0]": {
                "permissions": [{"not_rule": {"any": true}}], "principals": [{"not_id": {"any": true}}],
            }}}),
        );
        assert_eq!(rows[0].columns[0], "nobody");
    }

    #[test]
    fn deny_rules_come_first_and_show_their_conditions() {
        let deny = json!({"action": "DENY", "policies": {"ns[a]-policy[b]-rule[0]": {
            "permissions": [{"and_rules": {"rules": [{"not_rule": {"or_rules": {"rules": [method("GET")]}}}, {"destination_port": 80}]}}],
            "principals": [{"and_ids": {"ids": [
                {"not_id": {"or_ids": {"ids": [{"metadata": {"path": [{"key": "iss"}], "value": {"string_match": {"exact": "x"}}}}]}}},
                {"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}},
            ]}}],
        }}});
        let mut rows = rbac(deny);
        rows.extend(rbac(json!({"policies": {"ns[a]-policy[b]-rule[0]": {"permissions": [{"any": true}], "principals": [{"any": true}]}}})));
        rows.sort();
        assert_eq!(rows[0].action, "DENY");
        assert_eq!(
            rows[0].columns,
            [
                "anybody",
                "not GET",
                "*",
                "not iss=x and direct_remote_ip 10.0.0.0/8 and destination_port 80"
            ]
        );
        assert_eq!(rows[1].columns, ["anybody", "*", "*", ""]);
    }
}
