//! Tests which addresses an entry of `allowed_outbound_hosts` allows, and which addresses it rejects.

#![expect(clippy::unwrap_used, reason = "test helpers panic to fail a test")]

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
fn an_entry_without_a_port_allows_the_default_port_of_the_scheme() {
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
fn wildcards_match_schemes_subdomains_hosts_and_ports() {
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
fn the_end_of_a_port_range_is_exclusive() {
    check(
        "http://a:80..82",
        &[("http", "a", 80), ("http", "a", 81)],
        &[("http", "a", 82), ("http", "a", 79)],
    );
}

#[test]
fn ip_addresses_match_entries_with_addresses_and_networks() {
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
