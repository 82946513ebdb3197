//! Checks the host of a request. A guest reads the host from the header `spin-full-url` and from the request's authority, so these
//! two values must agree.
use http::HeaderValue;
use http::header;
use http::request::Parts;
use http::uri::Authority;

/// Whether a request names exactly one host, and the host is valid.
pub(crate) fn has_one_valid_host(request: &Parts) -> bool {
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (None, _) => None,
        (Some(host), None) => match parse(host) {
            Some(host) => Some(host),
            None => return false,
        },
        (Some(_), Some(_)) => return false,
    };
    match (request.uri.authority(), named) {
        (None, None) => false,
        (None, Some(_)) => true,
        (Some(target), None) => is_host_with_optional_port(target),
        // As in Spin, the comparison of the two hosts ignores case, and an explicit default port differs from a missing port.
        (Some(target), Some(named)) => *target == named,
    }
}

fn parse(host: &HeaderValue) -> Option<Authority> {
    let host = Authority::try_from(host.as_bytes()).ok()?;
    is_host_with_optional_port(&host).then_some(host)
}

/// Whether the authority consists of a host and an optional port, without a user name and a password. The port may be empty after
/// its colon.
fn is_host_with_optional_port(authority: &Authority) -> bool {
    let (host, all) = (authority.host(), authority.as_str());
    let port = match all.strip_prefix(host) {
        Some("") => return !host.is_empty(),
        Some(rest) => rest.strip_prefix(':'),
        None => None,
    };
    !host.is_empty() && port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::has_one_valid_host;

    fn is_accepted(target: &str, hosts: &[&str]) -> bool {
        let mut request = Request::get(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        has_one_valid_host(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_request_needs_exactly_one_valid_host() {
        for host in [
            "shop",
            "shop:8080",
            "shop:",
            "127.0.0.1:1",
            "[::1]:80",
            "a-b.example",
        ] {
            assert!(is_accepted("/", &[host]), "{host}");
        }
        for host in [
            "",
            "a b",
            " ",
            ":80",
            "a:b",
            "a:99999",
            "me@shop",
            "me:secret@shop",
            "a/b",
            "a,b c",
            "ü",
        ] {
            assert!(!is_accepted("/", &[host]), "{host}");
        }
        assert!(!is_accepted("/", &[]));
        assert!(!is_accepted("/", &["shop", "shop"]));
        assert!(!is_accepted("http://shop/", &["shop", "other"]));
    }

    #[test]
    fn the_target_and_the_host_header_must_agree() {
        for (target, host) in [
            ("http://shop/x", "shop"),
            ("http://Shop/x", "sHOP"),
            ("http://shop:81/x", "shop:81"),
        ] {
            assert!(is_accepted(target, &[host]), "{target} {host}");
        }
        for (target, host) in [
            ("http://shop/x", "other"),
            ("http://shop/x", "shop:81"),
            ("http://shop/x", ""),
            ("http://me@shop/x", "shop"),
            ("http://me@shop/x", "me@shop"),
        ] {
            assert!(!is_accepted(target, &[host]), "{target} {host}");
        }
        assert!(
            is_accepted("http://shop/x", &[]),
            "an HTTP/2 request needs no Host header"
        );
        assert!(!is_accepted("http://me@shop/x", &[]));
    }
}
