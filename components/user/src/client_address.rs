//! The client's address of a request, from a trusted source.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

/// The runtime's header with the connection's `address:port`. The runtime replaces a value that a client sends.
const CONNECTION: &str = "spin-client-addr";
/// The proxies' header: each proxy appends the address of its caller.
const FORWARDED: &str = "x-forwarded-for";

/// The address of the client behind `trusted_hops` proxies; `None` if no trusted source has it.
///
/// Without proxies it is the address of the connection. Otherwise it is the entry of the outermost proxy: the last one with one
/// proxy, the second to last with two. The entries left of it come from the client. Of an IPv6 address only the first 64 bits count:
/// a customer gets at least that many, and owns every address that begins with them.
pub fn find(headers: &HeaderMap, trusted_hops: u32) -> Option<IpAddr> {
    let (name, index_from_end) = match trusted_hops.checked_sub(1) {
        None => (CONNECTION, 0),
        Some(hops_behind) => (FORWARDED, usize::try_from(hops_behind).ok()?),
    };
    // Bytes, not text: an invalid byte from the client must not hide a proxy's entry after it.
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let entry = lines
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
        .nth(index_from_end)?;
    let address = parse(std::str::from_utf8(entry).ok()?.trim())?.to_canonical();
    match address {
        // Spin's value for a call from another component.
        unspecified if unspecified.is_unspecified() => None,
        IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from_bits(
            v6.to_bits() & (u128::MAX << 64),
        ))),
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
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

    fn seen(lines: &[(&'static str, &[u8])], trusted_hops: u32) -> Option<String> {
        find(&headers(lines), trusted_hops).map(|address| address.to_string())
    }

    #[test]
    fn without_proxies_the_connection_counts_and_not_the_clients_headers() {
        let lines: [(_, &[u8]); 2] = [
            (CONNECTION, b"192.0.2.1:50123"),
            (FORWARDED, b"198.51.100.9"),
        ];
        assert_eq!(seen(&lines, 0).unwrap(), "192.0.2.1");
        assert_eq!(seen(&lines[1..], 0), None);
    }

    #[test]
    fn behind_proxies_the_entry_of_the_outermost_counts() {
        let line: [(_, &[u8]); 2] = [
            (CONNECTION, b"127.0.0.6:1"),
            (FORWARDED, b"6.6.6.6, 7.7.7.7,192.0.2.1 , 10.0.0.7"),
        ];
        assert_eq!(seen(&line, 1).unwrap(), "10.0.0.7");
        assert_eq!(seen(&line, 2).unwrap(), "192.0.2.1");
        // The same entries in several header lines.
        let lines: [(_, &[u8]); 3] = [
            (FORWARDED, b"6.6.6.6, 7.7.7.7"),
            (FORWARDED, b"192.0.2.1"),
            (FORWARDED, b"10.0.0.7"),
        ];
        assert_eq!(seen(&lines, 1).unwrap(), "10.0.0.7");
        assert_eq!(seen(&lines, 2).unwrap(), "192.0.2.1");
        assert_eq!(seen(&lines, 5), None);
    }

    #[test]
    fn entries_left_of_it_change_nothing() {
        for spoofed in [
            &b""[..],
            b",",
            b"unknown,",
            b"1.2.3.4, 5.6.7.8,",
            b"\xff\xfe,",
            b"\"a,b\" ;;,",
        ] {
            let line = [spoofed, b"192.0.2.1"].concat();
            assert_eq!(seen(&[(FORWARDED, &line)], 1).unwrap(), "192.0.2.1");
            let lines: [(_, &[u8]); 2] = [(FORWARDED, spoofed), (FORWARDED, b"192.0.2.1")];
            assert_eq!(seen(&lines, 1).unwrap(), "192.0.2.1");
        }
    }

    #[test]
    fn a_port_is_cut_off_and_ipv6_counts_by_its_first_half() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("[2001:db8:1:2::9]", "2001:db8:1:2::"),
            ("[2001:db8:1:2:ffff::9]:443", "2001:db8:1:2::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ] {
            let line = [(FORWARDED, text.as_bytes())];
            assert_eq!(seen(&line, 1).unwrap(), address, "{text}");
            let line = [(CONNECTION, text.as_bytes())];
            assert_eq!(seen(&line, 0).unwrap(), address, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_an_address_gives_none() {
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
            assert_eq!(seen(&[(FORWARDED, text.as_bytes())], 1), None, "{text}");
            assert_eq!(seen(&[(CONNECTION, text.as_bytes())], 0), None, "{text}");
        }
    }
}
