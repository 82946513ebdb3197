//! Which host a request is for. A guest reads it from `spin-full-url` and from the request's authority, so both must agree.
use http::HeaderValue;
use http::header;
use http::request::Parts;
use http::uri::Authority;

/// Whether a request names exactly one host, and that host is valid.
pub(crate) fn is_sound(request: &Parts) -> bool {
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
        (Some(target), None) => names_a_host(target),
        // Spin compares in the same way: case does not matter, but an explicit default port differs from no port.
        (Some(target), Some(named)) => *target == named,
    }
}

fn parse(host: &HeaderValue) -> Option<Authority> {
    let host = Authority::try_from(host.as_bytes()).ok()?;
    names_a_host(&host).then_some(host)
}

/// Whether the authority is a host without user or password, with a valid port or none. The port may be empty after its colon.
fn names_a_host(authority: &Authority) -> bool {
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

    use super::is_sound;

    fn judge(target: &str, hosts: &[&str]) -> bool {
        let mut request = Request::get(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        is_sound(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn one_sound_host_is_needed() {
        for host in [
            "shop",
            "shop:8080",
            "shop:",
            "127.0.0.1:1",
            "[::1]:80",
            "a-b.example",
        ] {
            assert!(judge("/", &[host]), "{host}");
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
            assert!(!judge("/", &[host]), "{host}");
        }
        assert!(!judge("/", &[]));
        assert!(!judge("/", &["shop", "shop"]));
        assert!(!judge("http://shop/", &["shop", "other"]));
    }

    #[test]
    fn the_target_and_the_host_header_agree() {
        for (target, host) in [
            ("http://shop/x", "shop"),
            ("http://Shop/x", "sHOP"),
            ("http://shop:81/x", "shop:81"),
        ] {
            assert!(judge(target, &[host]), "{target} {host}");
        }
        for (target, host) in [
            ("http://shop/x", "other"),
            ("http://shop/x", "shop:81"),
            ("http://shop/x", ""),
            ("http://me@shop/x", "shop"),
            ("http://me@shop/x", "me@shop"),
        ] {
            assert!(!judge(target, &[host]), "{target} {host}");
        }
        assert!(judge("http://shop/x", &[]), "HTTP/2 needs no host header");
        assert!(!judge("http://me@shop/x", &[]));
    }
}
