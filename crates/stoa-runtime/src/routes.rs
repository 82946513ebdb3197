//! Which component answers a path: exact segments before `:name` before a trailing wildcard, longest first, as in Spin.
//! A trailing slash makes no difference.
use http::HeaderValue;
use stoa_manifest::RoutePath;

/// The routes of one app, most specific first.
#[derive(Debug, Default)]
pub(crate) struct Router {
    routes: Vec<Route>,
}

/// A public route and what Spin tells a guest about it.
#[derive(Debug)]
pub(crate) struct Route {
    segments: Vec<Segment>,
    wildcard: bool,
    pub(crate) component: String,
    /// The route as the manifest has it.
    pub(crate) raw: HeaderValue,
    /// The same without a trailing wildcard.
    pub(crate) prefix: HeaderValue,
}

/// The variants are in the order in which they are tried.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Exact(String),
    Param(String),
}

/// A route and the parts of the path that it left open.
pub(crate) struct Match<'r, 'p> {
    pub(crate) route: &'r Route,
    /// What the trailing wildcard took: empty, or beginning with a slash.
    pub(crate) rest: &'p str,
    path: &'p str,
}

impl Router {
    pub(crate) fn new(routes: &[stoa_manifest::Route]) -> Self {
        let public = routes.iter().filter_map(|route| match &route.path {
            RoutePath::Public(path) => Some(Route::new(path, &route.component)),
            RoutePath::Private => None,
        });
        let mut routes: Vec<Route> = public.collect();
        routes.sort_by(Route::order);
        Self { routes }
    }

    pub(crate) fn find<'r, 'p>(&'r self, path: &'p str) -> Option<Match<'r, 'p>> {
        self.routes.iter().find_map(|route| {
            let rest = route.matches(path)?;
            Some(Match { route, rest, path })
        })
    }
}

impl Match<'_, '_> {
    /// The path's value for each `:name` of the route.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = segments(self.path);
        self.route
            .segments
            .iter()
            .zip(values)
            .filter_map(|(s, value)| match s {
                Segment::Param(name) => Some((name.as_str(), value)),
                Segment::Exact(_) => None,
            })
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .filter(|s| !s.is_empty())
}

impl Route {
    fn new(path: &str, component: &str) -> Self {
        let (prefix, wildcard) = match path.strip_suffix("/...") {
            Some(prefix) => (prefix, true),
            None => (path, false),
        };
        let segment = |s: &str| match s.strip_prefix(':') {
            Some(name) => Segment::Param(name.to_owned()),
            None => Segment::Exact(s.to_owned()),
        };
        let header = |s: &str| HeaderValue::from_str(s).unwrap_or(HeaderValue::from_static(""));
        Self {
            segments: segments(prefix).map(segment).collect(),
            wildcard,
            component: component.to_owned(),
            raw: header(path),
            prefix: header(prefix),
        }
    }

    /// Compares segment by segment; where one route ends in a wildcard, the longer one is more specific.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        for (a, b) in self.segments.iter().zip(&other.segments) {
            let by_kind = matches!(a, Segment::Param(_)).cmp(&matches!(b, Segment::Param(_)));
            if by_kind.is_ne() {
                return by_kind;
            }
        }
        let longer_first = other.segments.len().cmp(&self.segments.len());
        longer_first.then(self.wildcard.cmp(&other.wildcard))
    }

    /// What the wildcard leaves of `path`, or None where the route does not match.
    fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut rest = path;
        for segment in &self.segments {
            let after = rest.strip_prefix('/')?;
            let end = after.find('/').unwrap_or(after.len());
            let (value, left) = after.split_at_checked(end)?;
            match segment {
                Segment::Exact(exact) if exact == value => {}
                Segment::Param(_) if !value.is_empty() => {}
                _ => return None,
            }
            rest = left;
        }
        (self.wildcard || rest.is_empty() || rest == "/").then_some(rest)
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
        Router::new(&routes)
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
    fn finds_nothing_where_no_route_fits() {
        let r = router(&["/cart/...", "/:a/x"]);
        assert_eq!(hit(&r, "/carts"), None);
        assert_eq!(hit(&r, "/"), None);
        assert_eq!(hit(&r, "/b/y"), None);
    }

    #[test]
    fn tells_what_the_wildcard_and_the_parameters_took() {
        let r = router(&["/u/:id/..."]);
        let m = r.find("/u/42/x/y").unwrap();
        assert_eq!(m.rest, "/x/y");
        assert_eq!(m.params().collect::<Vec<_>>(), [("id", "42")]);
        assert_eq!(r.find("/u/42/").unwrap().rest, "/");
        assert_eq!(r.find("/u/42").unwrap().rest, "");
    }
}
