//! The grammar of a route.

/// Checks a public route; the error describes the fault.
pub(crate) fn check(route: &str) -> Result<(), String> {
    let Some(rest) = route.strip_prefix('/') else {
        return Err(format!("route {route:?} does not begin with `/`"));
    };
    let mut names = Vec::new();
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if segment.is_empty() && !last {
            return Err(format!("route {route:?} has an empty segment (`//`)"));
        }
        if segment == "..." && !last {
            return Err(format!(
                "route {route:?} has `...` before its end; it may only end with `/...`"
            ));
        }
        if segment != "..." && segment.contains("...") {
            return Err(format!(
                "route {route:?} has `...` inside a segment; it may only end with `/...`"
            ));
        }
        // As in Spin, a parameter ends at a dot: `/:name.json`.
        for name in segment.split('.').filter_map(|part| part.strip_prefix(':')) {
            if name.is_empty() {
                return Err(format!("route {route:?} has a `:` without a name"));
            }
            if names.contains(&name) {
                return Err(format!("route {route:?} has the parameter `:{name}` twice"));
            }
            names.push(name);
        }
        if let Some(bad) = segment
            .chars()
            .find(|c| c.is_whitespace() || c.is_control() || "?#*{}\\".contains(*c))
        {
            return Err(format!(
                "route {route:?} has the character {bad:?}, which no path has here"
            ));
        }
    }
    Ok(())
}

/// Two routes of the same shape match the same requests: a trailing slash and the names of parameters make no
/// difference.
pub(crate) fn shape(route: &str) -> String {
    let shape: Vec<_> = route
        .split('/')
        .map(|segment| {
            let part = |part: &str| if part.starts_with(':') { ":" } else { part }.to_owned();
            segment.split('.').map(part).collect::<Vec<_>>().join(".")
        })
        .collect();
    let shape = shape.join("/");
    let trimmed = shape.trim_end_matches('/');
    if trimmed.is_empty() {
        "/".to_owned()
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{check, shape};

    #[test]
    fn takes_exact_wildcard_and_parameter_routes() {
        for route in [
            "/",
            "/...",
            "/cart",
            "/cart/...",
            "/user/:id/orders/...",
            "/a/",
            "/.well-known/jwks",
        ] {
            assert_eq!(check(route), Ok(()), "{route}");
        }
    }

    #[test]
    fn refuses_what_is_no_route() {
        for route in [
            "", "cart", "/a//b", "/.../a", "/a...", "/a/....", "/:", "/:.a", "/:a/:a", "/:a.:a",
            "/a b", "/a?b", "/a#b", "/*",
        ] {
            assert!(check(route).is_err(), "{route}");
        }
    }

    #[test]
    fn routes_that_match_the_same_requests_have_one_shape() {
        assert_eq!(shape("/a/"), shape("/a"));
        assert_eq!(shape("/a/:x/b"), shape("/a/:y/b"));
        assert_eq!(shape("/:x.:y"), shape("/:y.:x"));
        assert_ne!(shape("/:x.json"), shape("/:x.xml"));
        assert_ne!(shape("/a/..."), shape("/a"));
        assert_eq!(shape("/"), "/");
    }
}
