//! The valid contents of a `pluginConfig`, and the faults that are reported about a wrong one.
#![expect(
    clippy::unwrap_used,
    reason = "a configuration that cannot be read fails the test"
)]

use canary_router::config::Config;
use canary_router::cookie::{Cookie, SameSite};

fn faults(text: &str) -> Vec<String> {
    Config::parse(text.as_bytes()).unwrap_err().lines().to_vec()
}

fn cookie(text: &str) -> Option<Cookie> {
    let text = format!(r#"{{"cookie": {text}}}"#);
    Config::parse(text.as_bytes()).unwrap().cookie
}

#[test]
fn an_empty_one_is_the_shops() {
    for text in ["", "{}"] {
        assert_eq!(Config::parse(text.as_bytes()).unwrap(), Config::default());
    }
}

#[test]
fn the_default_is_what_it_would_be_if_it_were_written_down() {
    let text = r#"{"services": [{"name": "product", "header": "x-shop-version", "stable": "v1",
        "versions": [{"name": "v1", "weight": 9000}, {"name": "v2", "weight": 1000}],
        "choose": {"headers": [{"name": "x-beta-user", "exact": "true", "version": "v2"}]}}]}"#;
    assert_eq!(Config::parse(text.as_bytes()).unwrap(), Config::default());
}

#[test]
fn every_fault_is_reported_at_once_with_its_path() {
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
    let mut found = faults(text);
    let mut expected = vec![
        "cookie.name: \"a b\" is not letters, digits, hyphens, dots and underscores",
        "cookie.path: \"shop\" is not a path, which begins with a slash",
        "cookie.same_site: None needs secure: browsers drop the cookie otherwise",
        "cookie.max_age_seconds: -1 is not a whole number from 0 to 4294967295",
        "session.header: \"a b\" is not a header's name",
        "services[0].name: \"Product\" is not at most 63 lower-case letters, digits and hyphens",
        "services[0].versions[1]: two versions have the name v1",
        "services[0].versions: the weights add up to 9999, expected 10000",
        "services[0].stable: \"v3\" is not the name of one of the versions",
        "services[1].versions[0].weight: 10001 is not a whole number from 0 to 10000",
        "services[1].versions: the weights add up to 0, expected 10000",
        "services[1].choose.headers[0].version: \"v2\" is not the name of one of the versions",
        "services[1].choose.headers[0]: expected exactly one of exact, prefix, suffix, contains, present",
        "services[1].choose.users[0].names: missing",
        "services: two services have the name cart",
        "services: two services have the header x-cart-version",
        "kill: unknown; expected one of everyone_on_stable, tell, services, inside, jwt, session, cookie, health_checks",
    ];
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn the_cookie_can_be_changed_in_part_or_left_out() {
    assert_eq!(cookie("false"), None);
    let usual = Config::default().cookie.unwrap();
    let local = cookie(r#"{"secure": false}"#).unwrap();
    assert_eq!(
        local,
        Cookie {
            secure: false,
            ..usual.clone()
        }
    );
    let all = r#"{"name": "s", "path": "/shop", "max_age_seconds": 60, "same_site": "Strict", "secure": true}"#;
    let all = cookie(all).unwrap();
    assert_eq!(all.same_site, SameSite::Strict);
    assert_eq!(
        all.set(255),
        "s=00000000000000ff; Path=/shop; Max-Age=60; SameSite=Strict; HttpOnly; Secure"
    );
    assert_eq!(
        cookie(r#"{"max_age_seconds": 0, "secure": false}"#)
            .unwrap()
            .set(1),
        "shop-session=0000000000000001; Path=/; SameSite=Lax; HttpOnly"
    );
}

#[test]
fn a_cookie_that_is_set_already_is_seen_among_others() {
    let cookie = Config::default().cookie.unwrap();
    assert!(cookie.is_set_by(b" shop-session =1; Path=/"));
    assert!(!cookie.is_set_by(b"my-shop-session=1; Path=/"));
    assert!(!cookie.is_set_by(b"other=shop-session=1"));
    assert!(!cookie.is_set_by(b""));
}
