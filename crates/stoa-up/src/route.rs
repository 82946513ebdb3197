//! The routes of a manifest: `/cart/...`, `/order/:id`.

/// Whether a route matches a path.
pub(crate) fn takes(route: &str, path: &str) -> bool {
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
    use super::takes;

    #[test]
    fn a_route_takes_its_own_paths_alone() {
        for (route, path) in [
            ("/...", "/"),
            ("/a/...", "/a"),
            ("/a/...", "/a/b/c"),
            ("/a/:id/b", "/a/1/b"),
            ("/a/", "/a"),
        ] {
            assert!(takes(route, path), "{route} {path}");
        }
        for (route, path) in [
            ("/a/...", "/ab"),
            ("/a", "/a/b"),
            ("/a/:id", "/a"),
            ("/a/b/...", "/a"),
        ] {
            assert!(!takes(route, path), "{route} {path}");
        }
    }
}
