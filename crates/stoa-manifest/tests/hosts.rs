//! Addresses that an entry of `allowed_outbound_hosts` allows.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as the tests do")]

use stoa_manifest::AllowedHost;

#[track_caller]
fn check(entry: &str, allowed: &[(&str, &str, u16)], refused: &[(&str, &str, u16)]) {
    let entry: AllowedHost = entry.parse().unwrap();
    for (scheme, host, port) in allowed {
        assert!(
            entry.allows(scheme, host, *port),
            "{entry} should allow {scheme}://{host}:{port}"
        );
    }
    for (scheme, host, port) in refused {
        assert!(
            !entry.allows(scheme, host, *port),
            "{entry} should refuse {scheme}://{host}:{port}"
        );
    }
}

#[test]
fn the_port_is_the_usual_one_of_the_scheme_unless_given() {
    let refused = [
        ("https", "a.example", 80),
        ("http", "a.example", 81),
        ("http", "b.a.example", 80),
    ];
    check(
        "http://a.example",
        &[("http", "a.example", 80), ("HTTP", "A.Example", 80)],
        &refused,
    );
    check(
        "https://a.example/",
        &[("https", "a.example", 443)],
        &[("https", "a.example", 80)],
    );
    check(
        "postgres://db",
        &[("postgres", "db", 5432)],
        &[("postgresql", "db", 5432)],
    );
    check(
        "http://a:8080",
        &[("http", "a", 8080)],
        &[("http", "a", 80)],
    );
}

#[test]
fn wildcards_stand_for_schemes_subdomains_hosts_and_ports() {
    check(
        "*://a:1",
        &[("http", "a", 1), ("redis", "a", 1)],
        &[("http", "a", 2)],
    );
    check(
        "http://*.a.b",
        &[("http", "x.a.b", 80), ("http", "y.x.a.b", 80)],
        &[("http", "a.b", 80), ("http", "xa.b", 80)],
    );
    check(
        "http://a:*",
        &[("http", "a", 1), ("http", "a", 65535)],
        &[("https", "a", 443)],
    );
    check(
        "*://*:*",
        &[("http", "anything", 1), ("tcp", "[::1]", 0)],
        &[],
    );
}

#[test]
fn a_port_range_ends_before_its_second_number() {
    check(
        "http://a:80..82",
        &[("http", "a", 80), ("http", "a", 81)],
        &[("http", "a", 82), ("http", "a", 79)],
    );
}

#[test]
fn addresses_and_networks_are_compared_as_such() {
    check(
        "http://127.0.0.1:1",
        &[("http", "127.0.0.1", 1)],
        &[("http", "127.0.0.2", 1)],
    );
    check(
        "http://10.0.0.0/8:1",
        &[("http", "10.9.8.7", 1)],
        &[("http", "11.0.0.1", 1), ("http", "ten.example", 1)],
    );
    check(
        "http://0.0.0.0/0:1",
        &[("http", "1.2.3.4", 1)],
        &[("http", "::1", 1)],
    );
    check(
        "http://[::1]:8080",
        &[("http", "[::1]", 8080), ("http", "::1", 8080)],
        &[("http", "[::2]", 8080)],
    );
    check(
        "http://fd00::/8:1",
        &[("http", "[fd12::1]", 1)],
        &[("http", "[fe80::1]", 1)],
    );
}
