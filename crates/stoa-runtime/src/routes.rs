//! Selects the component for a path. An exact segment wins over a parameter `:name`, and a parameter wins over a trailing wildcard.
//! Among wildcards, the longest route wins. The router is the crate that Spin uses, so a manifest has the same meaning here.
use http::HeaderValue;
use routefinder::Captures;
use stoa_manifest::RoutePath;

/// The public routes of one app.
#[derive(Debug)]
pub(crate) struct Router {
    routes: routefinder::Router<Route>,
}

/// A public route, with the values of Spin's request headers that describe the route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) component: String,
    /// The route as it is written in the manifest.
    pub(crate) raw: HeaderValue,
    /// The route without a trailing slash.
    pub(crate) matched: HeaderValue,
    /// The route without a trailing wildcard.
    pub(crate) prefix: HeaderValue,
}

/// A route that matches a path, and the parts of the path that match the route's parameters and wildcard.
pub(crate) struct Match<'r, 'p> {
    pub(crate) route: &'r Route,
    path: &'p str,
    captures: Captures<'r, 'p>,
}

impl Router {
    /// Creates a router with the public routes among `routes`.
    ///
    /// # Errors
    /// A text that names the first invalid route and the cause.
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
                HeaderValue::from_str(text).map_err(|_| {
                    format!("route {path:?} contains characters that are not printable ASCII")
                })
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

    /// The route that matches `path` best; None if no route matches.
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
    /// The part of the path that matched the trailing wildcard. It is empty or begins with a slash. Several slashes at the end of
    /// the path become one slash.
    pub(crate) fn wildcard_path(&self) -> String {
        let Some(rest) = self.captures.wildcard() else {
            return String::new();
        };
        let start = if rest.is_empty() { "" } else { "/" };
        let end = if self.path.ends_with('/') { "/" } else { "" };
        [start, rest, end].concat()
    }

    /// The name and the value of each parameter `:name` of the route.
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

    fn component_for(router: &Router, path: &str) -> Option<String> {
        router.find(path).map(|m| m.route.component.clone())
    }

    #[test]
    fn an_exact_route_wins_over_a_parameter_and_a_parameter_over_a_wildcard() {
        let r = router(&["/...", "/a/...", "/a/:id", "/a/b", "/a/b/..."]);
        assert_eq!(component_for(&r, "/a/b").as_deref(), Some("/a/b"));
        assert_eq!(component_for(&r, "/a/b/").as_deref(), Some("/a/b"));
        assert_eq!(component_for(&r, "/a/c").as_deref(), Some("/a/:id"));
        assert_eq!(component_for(&r, "/a/b/c").as_deref(), Some("/a/b/..."));
        assert_eq!(component_for(&r, "/a/c/d").as_deref(), Some("/a/..."));
        assert_eq!(component_for(&r, "/a").as_deref(), Some("/a/..."));
        assert_eq!(component_for(&r, "/").as_deref(), Some("/..."));
        assert_eq!(component_for(&r, "/ab").as_deref(), Some("/..."));
    }

    #[test]
    fn a_path_without_a_matching_route_has_no_component() {
        let r = router(&["/cart/...", "/:a/x"]);
        assert_eq!(component_for(&r, "/carts"), None);
        assert_eq!(component_for(&r, "/"), None);
        assert_eq!(component_for(&r, "/b/y"), None);
    }

    #[test]
    fn a_match_has_the_values_of_the_wildcard_and_the_parameters() {
        let r = router(&["/u/:id/..."]);
        let m = r.find("/u/42/x/y").unwrap();
        assert_eq!(m.wildcard_path(), "/x/y");
        assert_eq!(m.params().collect::<Vec<_>>(), [("id", "42")]);
        assert_eq!(r.find("/u/42/").unwrap().wildcard_path(), "/");
        assert_eq!(r.find("/u/42").unwrap().wildcard_path(), "");
    }

    #[test]
    fn extra_slashes_have_the_same_meaning_as_in_spin() {
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
                (
                    found.route.component.as_str(),
                    found.wildcard_path().as_str()
                ),
                (route, rest),
                "{path}"
            );
        }
        let found = r.find("/u//x").unwrap();
        assert_eq!(found.params().collect::<Vec<_>>(), [("id", "")]);
        for path in ["/u//", "/u/x", "/f//oo", "/u///x"] {
            assert_eq!(component_for(&r, path), None, "{path}");
        }
    }

    #[test]
    fn a_parameter_ends_at_a_dot_if_the_route_has_a_dot() {
        let r = router(&["/file/:name.json", "/file/:name"]);
        let found = r.find("/file/a.json").unwrap();
        assert_eq!(found.route.component, "/file/:name.json");
        assert_eq!(found.params().collect::<Vec<_>>(), [("name", "a")]);
        let found = r.find("/file/a.xml").unwrap();
        assert_eq!(found.params().collect::<Vec<_>>(), [("name", "a.xml")]);
    }
}
