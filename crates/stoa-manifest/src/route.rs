//! The grammar of routes. A route is the path of an HTTP trigger.

/// Checks a public route. The error text describes the problem.
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
                "route {route:?} has `...` before its end; `...` is allowed only at the end, as `/...`"
            ));
        }
        if segment != "..." && segment.contains("...") {
            return Err(format!(
                "route {route:?} has `...` inside a segment; `...` is allowed only at the end, as `/...`"
            ));
        }
        // As in Spin, the name of a parameter ends at a dot: in `/:name.json`, the parameter is `name`.
        for name in segment.split('.').filter_map(|part| part.strip_prefix(':')) {
            if name.is_empty() {
                return Err(format!(
                    "route {route:?} has a `:` that no parameter name follows"
                ));
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
                "route {route:?} has the character {bad:?}, which is not allowed in a route"
            ));
        }
    }
    Ok(())
}

/// The shape of a route: the route without a trailing slash and without the names of parameters. Two routes of the same shape match
/// the same requests.
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
    fn exact_wildcard_and_parameter_routes_are_valid() {
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
    fn malformed_routes_are_rejected() {
        for route in [
            "", "cart", "/a//b", "/.../a", "/a...", "/a/....", "/:", "/:.a", "/:a/:a", "/:a.:a",
            "/a b", "/a?b", "/a#b", "/*",
        ] {
            assert!(check(route).is_err(), "{route}");
        }
    }

    #[test]
    fn routes_that_match_the_same_requests_have_the_same_shape() {
        assert_eq!(shape("/a/"), shape("/a"));
        assert_eq!(shape("/a/:x/b"), shape("/a/:y/b"));
        assert_eq!(shape("/:x.:y"), shape("/:y.:x"));
        assert_ne!(shape("/:x.json"), shape("/:x.xml"));
        assert_ne!(shape("/a/..."), shape("/a"));
        assert_eq!(shape("/"), "/");
    }
}
