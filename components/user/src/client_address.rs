//! Finds the IP address of the client that sent a request, from a source that the client cannot forge.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

/// The header in which the runtime puts the connection's `address:port`. The runtime replaces any value that a client sends.
const CONNECTION_HEADER: &str = "spin-client-addr";
/// The header to which each proxy appends the address of its caller.
const FORWARDED_HEADER: &str = "x-forwarded-for";

/// Returns the address of the client behind `trusted_hops` proxies; `None` if no trusted source has a valid address.
///
/// Without proxies, the client's address is the address of the connection. Otherwise it is the entry that the outermost proxy
/// appended to `x-forwarded-for`. With one proxy, this is the last entry; with two proxies, it is the second to last entry. The
/// client could have forged the entries to the left of this entry.
///
/// Of an IPv6 address, only the first 64 bits count. A customer of a network provider usually owns all addresses with the same
/// first 64 bits.
pub fn find(headers: &HeaderMap, trusted_hops: u32) -> Option<IpAddr> {
    let (name, index_from_end) = match trusted_hops.checked_sub(1) {
        None => (CONNECTION_HEADER, 0),
        Some(hops_behind) => (FORWARDED_HEADER, usize::try_from(hops_behind).ok()?),
    };
    // The header is split as bytes, not as text. Otherwise an invalid byte that the client sent could hide the proxy's entry, which
    // comes after it.
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let entry = lines
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
        .nth(index_from_end)?;
    let address = parse(std::str::from_utf8(entry).ok()?.trim())?.to_canonical();
    match address {
        // For a call from another component, Spin sets the header to an unspecified address, such as 0.0.0.0.
        unspecified if unspecified.is_unspecified() => None,
        IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from_bits(
            v6.to_bits() & (u128::MAX << 64),
        ))),
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}

/// Parses `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    fn found_address(lines: &[(&'static str, &[u8])], trusted_hops: u32) -> Option<String> {
        find(&headers(lines), trusted_hops).map(|address| address.to_string())
    }

    #[test]
    fn without_proxies_the_connection_counts_and_the_clients_headers_are_ignored() {
        let lines: [(_, &[u8]); 2] = [
            (CONNECTION_HEADER, b"192.0.2.1:50123"),
            (FORWARDED_HEADER, b"198.51.100.9"),
        ];
        assert_eq!(found_address(&lines, 0).unwrap(), "192.0.2.1");
        assert_eq!(found_address(&lines[1..], 0), None);
    }

    #[test]
    fn behind_proxies_the_entry_of_the_outermost_proxy_counts() {
        let line: [(_, &[u8]); 2] = [
            (CONNECTION_HEADER, b"127.0.0.6:1"),
            (FORWARDED_HEADER, b"6.6.6.6, 7.7.7.7,192.0.2.1 , 10.0.0.7"),
        ];
        assert_eq!(found_address(&line, 1).unwrap(), "10.0.0.7");
        assert_eq!(found_address(&line, 2).unwrap(), "192.0.2.1");
        // The result is the same if the entries are divided among several header lines.
        let lines: [(_, &[u8]); 3] = [
            (FORWARDED_HEADER, b"6.6.6.6, 7.7.7.7"),
            (FORWARDED_HEADER, b"192.0.2.1"),
            (FORWARDED_HEADER, b"10.0.0.7"),
        ];
        assert_eq!(found_address(&lines, 1).unwrap(), "10.0.0.7");
        assert_eq!(found_address(&lines, 2).unwrap(), "192.0.2.1");
        assert_eq!(found_address(&lines, 5), None);
    }

    #[test]
    fn entries_left_of_the_trusted_entry_change_nothing() {
        for spoofed in [
            &b""[..],
            b",",
            b"unknown,",
            b"1.2.3.4, 5.6.7.8,",
            b"\xff\xfe,",
            b"\"a,b\" ;;,",
        ] {
            let line = [spoofed, b"192.0.2.1"].concat();
            assert_eq!(
                found_address(&[(FORWARDED_HEADER, &line)], 1).unwrap(),
                "192.0.2.1"
            );
            let lines: [(_, &[u8]); 2] = [
                (FORWARDED_HEADER, spoofed),
                (FORWARDED_HEADER, b"192.0.2.1"),
            ];
            assert_eq!(found_address(&lines, 1).unwrap(), "192.0.2.1");
        }
    }

    #[test]
    fn a_port_is_removed_and_an_ipv6_address_counts_by_its_first_64_bits() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("[2001:db8:1:2::9]", "2001:db8:1:2::"),
            ("[2001:db8:1:2:ffff::9]:443", "2001:db8:1:2::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ] {
            let line = [(FORWARDED_HEADER, text.as_bytes())];
            assert_eq!(found_address(&line, 1).unwrap(), address, "{text}");
            let line = [(CONNECTION_HEADER, text.as_bytes())];
            assert_eq!(found_address(&line, 0).unwrap(), address, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_an_address_yields_none() {
        for text in [
            "",
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.1:99999",
            "0.0.0.0:0",
            "[::]:0",
            "[",
            "]",
        ] {
            assert_eq!(
                found_address(&[(FORWARDED_HEADER, text.as_bytes())], 1),
                None,
                "{text}"
            );
            assert_eq!(
                found_address(&[(CONNECTION_HEADER, text.as_bytes())], 0),
                None,
                "{text}"
            );
        }
    }
}
