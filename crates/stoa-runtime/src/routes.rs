//! Which component answers a path. Exact segments win over `:name`, which wins over a trailing wildcard; the longest
//! route wins. The router is Spin's own, so a manifest has the same meaning here.
use http::HeaderValue;
use routefinder::Captures;
use stoa_manifest::RoutePath;

/// The public routes of one app.
#[derive(Debug)]
pub(crate) struct Router {
    routes: routefinder::Router<Route>,
}

/// A public route, and its values for Spin's headers.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) component: String,
    /// The route as in the manifest.
    pub(crate) raw: HeaderValue,
    /// The same without a trailing slash.
    pub(crate) matched: HeaderValue,
    /// The same as `raw`, without a trailing wildcard.
    pub(crate) prefix: HeaderValue,
}

/// A route, and the path's values for its parameters and wildcard.
pub(crate) struct Match<'r, 'p> {
    pub(crate) route: &'r Route,
    path: &'p str,
    captures: Captures<'r, 'p>,
}

impl Router {
    /// # Errors
    /// The first invalid route, and why.
    pub(crate) fn new(routes: &[stoa_manifest::Route]) -> Result<Self, String> {
        let mut router = routefinder::Router::new();
        for route in routes {
            let RoutePath::Public(path) = &route.path else {
                continue;
            };
            let prefix = path.strip_suffix("/...");
            let spec = match prefix {
                Some(prefix) => format!("{prefix}/*"),
                None => path.clone(),
            };
            let header = |text: &str| {
                HeaderValue::from_str(text).map_err(|_| format!("route {path:?} is not printable"))
            };
            let route = Route {
                component: route.component.clone(),
                raw: header(path)?,
                matched: header(path.strip_suffix('/').unwrap_or(path))?,
                prefix: header(prefix.unwrap_or(path))?,
            };
            router
                .add(spec, route)
                .map_err(|error| format!("route {path:?}: {error}"))?;
        }
        Ok(Self { routes: router })
    }

    pub(crate) fn find<'r, 'p>(&'r self, path: &'p str) -> Option<Match<'r, 'p>> {
        let found = self.routes.best_match(path)?;
        Some(Match {
            route: found.handler(),
            path,
            captures: found.captures(),
        })
    }
}

impl Match<'_, '_> {
    /// The part that the trailing wildcard matched: empty, or beginning with a slash. Several slashes at the end of the
    /// path become one.
    pub(crate) fn rest(&self) -> String {
        let Some(rest) = self.captures.wildcard() else {
            return String::new();
        };
        let start = if rest.is_empty() { "" } else { "/" };
        let end = if self.path.ends_with('/') { "/" } else { "" };
        [start, rest, end].concat()
    }

    /// The path's value for each `:name` of the route.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.captures.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(paths: &[&str]) -> Router {
        let routes: Vec<_> = paths
            .iter()
            .map(|path| stoa_manifest::Route {
                path: RoutePath::Public((*path).to_owned()),
                component: (*path).to_owned(),
            })
            .collect();
        Router::new(&routes).unwrap()
    }

    fn hit(router: &Router, path: &str) -> Option<String> {
        router.find(path).map(|m| m.route.component.clone())
    }

    #[test]
    fn takes_exact_before_parameter_before_longest_wildcard() {
        let r = router(&["/...", "/a/...", "/a/:id", "/a/b", "/a/b/..."]);
        assert_eq!(hit(&r, "/a/b").as_deref(), Some("/a/b"));
        assert_eq!(hit(&r, "/a/b/").as_deref(), Some("/a/b"));
        assert_eq!(hit(&r, "/a/c").as_deref(), Some("/a/:id"));
        assert_eq!(hit(&r, "/a/b/c").as_deref(), Some("/a/b/..."));
        assert_eq!(hit(&r, "/a/c/d").as_deref(), Some("/a/..."));
        assert_eq!(hit(&r, "/a").as_deref(), Some("/a/..."));
        assert_eq!(hit(&r, "/").as_deref(), Some("/..."));
        assert_eq!(hit(&r, "/ab").as_deref(), Some("/..."));
    }

    #[test]
    fn finds_nothing_where_no_route_matches() {
        let r = router(&["/cart/...", "/:a/x"]);
        assert_eq!(hit(&r, "/carts"), None);
        assert_eq!(hit(&r, "/"), None);
        assert_eq!(hit(&r, "/b/y"), None);
    }

    #[test]
    fn returns_what_the_wildcard_and_the_parameters_took() {
        let r = router(&["/u/:id/..."]);
        let m = r.find("/u/42/x/y").unwrap();
        assert_eq!(m.rest(), "/x/y");
        assert_eq!(m.params().collect::<Vec<_>>(), [("id", "42")]);
        assert_eq!(r.find("/u/42/").unwrap().rest(), "/");
        assert_eq!(r.find("/u/42").unwrap().rest(), "");
    }

    #[test]
    fn slashes_too_many_count_as_in_spin() {
        let r = router(&["/foo", "/w/...", "/t/", "/u/:id/x", "/o/...", "/o/x"]);
        for (path, route, rest) in [
            ("/foo/", "/foo", ""),
            ("/foo//", "/foo", ""),
            ("/w/", "/w/...", "/"),
            ("/w//", "/w/...", "/"),
            ("/w/a//", "/w/...", "/a/"),
            ("/w//a", "/w/...", "//a"),
            ("//w/a", "/w/...", "/a"),
            ("/t", "/t/", ""),
            ("/o/x//", "/o/x", ""),
            ("/o//x", "/o/...", "//x"),
        ] {
            let found = r.find(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(
                (found.route.component.as_str(), found.rest().as_str()),
                (route, rest),
                "{path}"
            );
        }
        let found = r.find("/u//x").unwrap();
        assert_eq!(found.params().collect::<Vec<_>>(), [("id", "")]);
        for path in ["/u//", "/u/x", "/f//oo", "/u///x"] {
            assert_eq!(hit(&r, path), None, "{path}");
        }
    }

    #[test]
    fn a_parameter_ends_at_a_dot_that_the_route_has() {
        let r = router(&["/file/:name.json", "/file/:name"]);
        let found = r.find("/file/a.json").unwrap();
        assert_eq!(found.route.component, "/file/:name.json");
        assert_eq!(found.params().collect::<Vec<_>>(), [("name", "a")]);
        let found = r.find("/file/a.xml").unwrap();
        assert_eq!(found.params().collect::<Vec<_>>(), [("name", "a.xml")]);
    }
}
