//! Tests valid contents of a `pluginConfig`, and the errors that the filter reports for an invalid `pluginConfig`.
#![expect(
    clippy::unwrap_used,
    reason = "a configuration that cannot be read fails the test"
)]

use canary_router::config::Config;
use canary_router::cookie::{Cookie, SameSite};

fn errors(text: &str) -> Vec<String> {
    Config::parse(text.as_bytes()).unwrap_err().lines().to_vec()
}

fn cookie(text: &str) -> Option<Cookie> {
    let text = format!(r#"{{"cookie": {text}}}"#);
    Config::parse(text.as_bytes()).unwrap().cookie
}

#[test]
fn an_empty_configuration_is_the_shops_configuration() {
    for text in ["", "{}"] {
        assert_eq!(Config::parse(text.as_bytes()).unwrap(), Config::default());
    }
}

#[test]
fn the_documented_json_of_the_default_parses_to_the_default() {
    let text = r#"{"services": [{"name": "product", "header": "x-shop-version", "stable": "v1",
        "versions": [{"name": "v1", "weight": 9000}, {"name": "v2", "weight": 1000}],
        "choose": {"headers": [{"name": "x-beta-user", "exact": "true", "version": "v2"}]}}]}"#;
    assert_eq!(Config::parse(text.as_bytes()).unwrap(), Config::default());
}

#[test]
fn all_errors_are_reported_together_with_their_paths() {
    let text = r#"{
        "kill": true,
        "cookie": {"name": "a b", "path": "shop", "same_site": "None", "secure": false, "max_age_seconds": -1},
        "session": {"header": "a b"},
        "services": [
            {"name": "Product", "stable": "v3", "versions": [{"name": "v1", "weight": 9000}, {"name": "v1", "weight": 999}]},
            {"name": "cart", "stable": "v1", "versions": [{"name": "v1", "weight": 10001}],
             "choose": {"headers": [{"name": "x", "version": "v2"}], "users": [{"version": "v1"}]}},
            {"name": "cart", "header": "x-cart-version", "stable": "v1", "versions": [{"name": "v1", "weight": 10000}]}
        ]
    }"#;
    let mut found = errors(text);
    let mut expected = vec![
        "cookie.name: \"a b\" is not a name of letters, digits, hyphens, dots and underscores",
        "cookie.path: \"shop\" is not a path that begins with a slash",
        "cookie.same_site: \"None\" requires \"secure\": true; browsers reject the cookie otherwise",
        "cookie.max_age_seconds: -1 is not a whole number from 0 to 4294967295",
        "session.header: \"a b\" is not the name of a header",
        "services[0].name: \"Product\" is not a name of at most 63 lower-case letters, digits and hyphens",
        "services[0].versions[1]: two versions have the name v1",
        "services[0].versions: the weights add up to 9999; expected 10000",
        "services[0].stable: \"v3\" is not the name of one of the versions",
        "services[1].versions[0].weight: 10001 is not a whole number from 0 to 10000",
        "services[1].versions: the weights add up to 0; expected 10000",
        "services[1].choose.headers[0].version: \"v2\" is not the name of one of the versions",
        "services[1].choose.headers[0]: expected exactly one of exact, prefix, suffix, contains, present",
        "services[1].choose.users[0].names: missing",
        "services: two services have the name cart",
        "services: two services have the header x-cart-version",
        "kill: unknown member; expected one of everyone_on_stable, report_version, services, inside, jwt, session, cookie, health_checks",
    ];
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn the_old_name_of_report_version_is_accepted_with_a_warning() {
    let config = Config::parse(br#"{"tell": false}"#).unwrap();
    assert!(!config.reports_version);
    assert_eq!(
        config.warnings,
        ["tell: renamed to report_version; release 0.3 rejects the old name"]
    );
    assert_eq!(
        Config::parse(br#"{"tell": null}"#).unwrap(),
        Config::default()
    );
}

#[test]
fn the_configuration_can_change_single_cookie_attributes_or_disable_the_cookie() {
    assert_eq!(cookie("false"), None);
    let default = Config::default().cookie.unwrap();
    let local = cookie(r#"{"secure": false}"#).unwrap();
    assert_eq!(
        local,
        Cookie {
            secure: false,
            ..default.clone()
        }
    );
    let all = r#"{"name": "s", "path": "/shop", "max_age_seconds": 60, "same_site": "Strict", "secure": true}"#;
    let all = cookie(all).unwrap();
    assert_eq!(all.same_site, SameSite::Strict);
    assert_eq!(
        all.set_cookie_value(255),
        "s=00000000000000ff; Path=/shop; Max-Age=60; SameSite=Strict; HttpOnly; Secure"
    );
    assert_eq!(
        cookie(r#"{"max_age_seconds": 0, "secure": false}"#)
            .unwrap()
            .set_cookie_value(1),
        "shop-session=0000000000000001; Path=/; SameSite=Lax; HttpOnly"
    );
}

#[test]
fn is_set_by_compares_the_whole_name_of_the_cookie() {
    let cookie = Config::default().cookie.unwrap();
    assert!(cookie.is_set_by(b" shop-session =1; Path=/"));
    assert!(!cookie.is_set_by(b"my-shop-session=1; Path=/"));
    assert!(!cookie.is_set_by(b"other=shop-session=1"));
    assert!(!cookie.is_set_by(b""));
}
