//! Matches paths with the routes of a manifest, such as `/cart/...` and `/order/:id`.

/// True if the route matches the path.
pub(crate) fn matches_path(route: &str, path: &str) -> bool {
    let segments = |text| str::split(text, '/').filter(|segment| !segment.is_empty());
    let mut rest = segments(path);
    for expected in segments(route) {
        match (expected, rest.next()) {
            ("...", _) => return true,
            (expected, Some(segment)) if expected.starts_with(':') || expected == segment => {}
            _ => return false,
        }
    }
    rest.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches_path;

    #[test]
    fn a_route_matches_only_its_own_paths() {
        for (route, path) in [
            ("/...", "/"),
            ("/a/...", "/a"),
            ("/a/...", "/a/b/c"),
            ("/a/:id/b", "/a/1/b"),
            ("/a/", "/a"),
        ] {
            assert!(matches_path(route, path), "{route} {path}");
        }
        for (route, path) in [
            ("/a/...", "/ab"),
            ("/a", "/a/b"),
            ("/a/:id", "/a"),
            ("/a/b/...", "/a"),
        ] {
            assert!(!matches_path(route, path), "{route} {path}");
        }
    }
}
