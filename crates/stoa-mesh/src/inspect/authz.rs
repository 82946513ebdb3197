//! Which AuthorizationPolicies an Envoy enforces, as Istio compiled them into its RBAC filters.

use std::collections::BTreeSet;

use serde_json::Value;

use super::routes::{header, string_match};
use super::table::{Table, or_dash};
use super::{Envoy, InspectError, items, json, text};

/// What counts requests that policies were asked about.
const STATS: &str = "/stats?filter=rbac.(allowed|denied)$";

/// The policies that an Envoy enforces, rule by rule: who may, or may not, do what.
///
/// # Errors
/// If it does not answer.
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
            "no AuthorizationPolicy applies to {name}: it refuses nobody\n"
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
        let [from, methods, paths, when] = row.said;
        let action = format!(
            "{}{}",
            row.action,
            if row.dry_run { " (dry run)" } else { "" }
        );
        let when = or_dash(when);
        table.row([action, row.policy, row.rule, from, methods, paths, when]);
    }
    let stats = envoy.get(STATS).await?;
    let count = |what: &str| -> u64 {
        let lines = stats.lines().filter_map(|line| line.rsplit_once(": "));
        let of = lines.filter(|(name, _)| name.ends_with(what));
        of.filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
    };
    let (allowed, denied) = (count("rbac.allowed"), count("rbac.denied"));
    if as_json {
        let rules = table.objects();
        return Ok(json(
            &serde_json::json!({"rules": rules, "allowed": allowed, "denied": denied}),
        ));
    }
    Ok(table.or("") + &format!("\nsince it started: {allowed} allowed, {denied} denied\n"))
}

/// In the order in which Istio asks: what is denied first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    order: usize,
    action: String,
    dry_run: bool,
    policy: String,
    rule: String,
    /// From whom, methods, paths, other conditions.
    said: [String; 4],
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
            let (policy_name, rule) = named(name);
            for said in said(policy) {
                rows.push(Row {
                    order: order.unwrap_or(usize::MAX),
                    action: action.to_owned(),
                    // How Istio asks somebody else is no dry run.
                    dry_run: dry_run && !custom,
                    policy: policy_name.clone(),
                    rule: rule.clone(),
                    said,
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
                said: ["nobody", "-", "-", ""].map(str::to_owned),
            });
        }
    }
    rows
}

/// `ns[shop]-policy[cart]-rule[0]` is rule 0 of `cart.shop`.
fn named(name: &str) -> (String, String) {
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

/// Each way in which a policy applies.
fn said(policy: &Value) -> Vec<[String; 4]> {
    let mut all = Vec::new();
    for principal in items(policy, "/principals") {
        for permission in items(policy, "/permissions") {
            let mut conditions = Conditions::default();
            conditions.add(principal);
            conditions.add(permission);
            all.push(conditions.said());
        }
    }
    all
}

/// What a condition is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Who,
    Method,
    Path,
    Else,
    Anything,
    Nothing,
}

#[derive(Default)]
struct Conditions {
    who: Vec<String>,
    methods: Vec<String>,
    paths: Vec<String>,
    others: Vec<String>,
    never: bool,
}

impl Conditions {
    /// All parts of a condition have to hold.
    fn add(&mut self, condition: &Value) {
        let parts = items(condition, "/and_rules/rules").chain(items(condition, "/and_ids/ids"));
        let parts: Vec<_> = parts.collect();
        if !parts.is_empty() {
            parts.into_iter().for_each(|part| self.add(part));
            return;
        }
        let (about, text) = described(condition);
        match about {
            About::Who => self.who.push(text),
            About::Method => self.methods.push(text),
            About::Path => self.paths.push(text),
            About::Else => self.others.push(text),
            About::Anything => {}
            About::Nothing => self.never = true,
        }
    }

    fn said(self) -> [String; 4] {
        if self.never {
            return ["nobody", "-", "-", ""].map(str::to_owned);
        }
        let or_any = |texts: Vec<String>, any: &str| match texts.as_slice() {
            [] => any.to_owned(),
            texts => texts.join(" and "),
        };
        [
            or_any(self.who, "anybody"),
            or_any(self.methods, "*"),
            or_any(self.paths, "*"),
            self.others.join(" and "),
        ]
    }
}

/// What a condition is about, and what it says.
fn described(condition: &Value) -> (About, String) {
    let Some((kind, value)) = condition.as_object().and_then(|c| c.iter().next()) else {
        return (About::Else, "?".to_owned());
    };
    match kind.as_str() {
        "any" => (About::Anything, "*".to_owned()),
        "not_rule" | "not_id" => match described(value) {
            (About::Anything, _) => (About::Nothing, String::new()),
            (About::Nothing, _) => (About::Anything, "*".to_owned()),
            (about, text) => (about, format!("not {text}")),
        },
        "or_rules" => alternatives(items(value, "/rules")),
        "or_ids" => alternatives(items(value, "/ids")),
        "and_rules" => all_of(items(value, "/rules")),
        "and_ids" => all_of(items(value, "/ids")),
        "authenticated" => match value.get("principal_name").map(string_match) {
            Some(name) => (About::Who, name),
            None => (About::Who, "anybody with a certificate".to_owned()),
        },
        "url_path" => (
            About::Path,
            value.get("path").map(string_match).unwrap_or_default(),
        ),
        "uri_template" => (
            About::Path,
            text(value, "/typed_config/path_template").to_owned(),
        ),
        "header" if text(value, "/name") == ":method" => {
            let method = value.get("string_match").map(string_match);
            (About::Method, method.unwrap_or_default())
        }
        "header" => (About::Else, header(value)),
        "direct_remote_ip" | "remote_ip" | "source_ip" | "destination_ip" => {
            let length = value.get("prefix_len").and_then(Value::as_u64);
            let address = text(value, "/address_prefix");
            (
                About::Else,
                format!("{kind} {address}/{}", length.unwrap_or(0)),
            )
        }
        "requested_server_name" => (About::Else, format!("{kind} {}", string_match(value))),
        "metadata" | "sourced_metadata" => (About::Else, metadata(value)),
        _ => (About::Else, format!("{kind} {value}")),
    }
}

/// What a token claims.
fn metadata(value: &Value) -> String {
    let value = value.get("metadata_matcher").unwrap_or(value);
    let path = items(value, "/path").map(|part| text(part, "/key"));
    let path = path.collect::<Vec<_>>().join(".");
    let is = value.pointer("/value/string_match");
    let is = is.or_else(|| value.pointer("/value/list_match/one_of/string_match"));
    let is = is.map(string_match).unwrap_or_else(|| "?".to_owned());
    let not = if value.get("invert") == Some(&Value::Bool(true)) {
        "!"
    } else {
        ""
    };
    format!("{not}{path}={is}")
}

fn alternatives<'a>(parts: impl Iterator<Item = &'a Value>) -> (About, String) {
    joined(parts, ", ", " or ")
}

fn all_of<'a>(parts: impl Iterator<Item = &'a Value>) -> (About, String) {
    joined(parts, " and ", " and ")
}

fn joined<'a>(parts: impl Iterator<Item = &'a Value>, alike: &str, mixed: &str) -> (About, String) {
    let parts: Vec<_> = parts.map(described).collect();
    let about = match parts.split_first() {
        Some(((first, _), rest)) if rest.iter().all(|(other, _)| other == first) => *first,
        _ => About::Else,
    };
    let between = if about == About::Else { mixed } else { alike };
    let texts: Vec<_> = parts.into_iter().map(|(_, text)| text).collect();
    (about, texts.join(between))
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
    fn a_rule_says_who_may_do_what() {
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
            rows[0].said,
            ["spiffe://a, spiffe://b", "GET, HEAD", "/cart, /cart/*", ""]
        );
    }

    #[test]
    fn a_policy_that_matches_nothing_allows_nobody() {
        let rows = rbac(
            json!({"policies": {"ns[shop]-policy[deny-by-default]-rule[0]": {
                "permissions": [{"not_rule": {"any": true}}], "principals": [{"not_id": {"any": true}}],
            }}}),
        );
        assert_eq!(rows[0].said[0], "nobody");
    }

    #[test]
    fn what_is_denied_comes_first_and_conditions_are_kept() {
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
            rows[0].said,
            [
                "anybody",
                "not GET",
                "*",
                "not iss=x and direct_remote_ip 10.0.0.0/8 and destination_port 80"
            ]
        );
        assert_eq!(rows[1].said, ["anybody", "*", "*", ""]);
    }
}
