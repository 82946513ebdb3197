//! Decides which operations the main listener exposes without a mesh. It exposes all operations in an OpenAPI document, except the
//! operations that `x-internal` marks.

use http::Method;
use stoa_runtime::Exposure;

/// The paths of an OpenAPI document, each with the methods that the main listener exposes.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExposedPaths(Vec<ExposedPath>);

#[derive(Debug, Clone)]
struct ExposedPath {
    segments: Vec<Segment>,
    methods: Vec<Method>,
}

/// A segment of a path in the document. The variant that is listed first has precedence, so a literal wins over a parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter,
}

impl ExposedPaths {
    /// Adds a path of the document, such as `/cart/{sku}`, with the methods to expose. GET also exposes HEAD, and any method also
    /// exposes OPTIONS.
    ///
    /// # Errors
    /// If the path is invalid. The error states the reason.
    pub(crate) fn add(
        &mut self,
        path: &str,
        methods: impl Iterator<Item = Method>,
    ) -> Result<(), String> {
        let segments = segments(path)?;
        let mut methods: Vec<_> = methods.collect();
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        if !methods.is_empty() {
            methods.push(Method::OPTIONS);
        }
        let path = ExposedPath { segments, methods };
        // Paths with literals come before paths with parameters. So of the paths that match a request, the first path has
        // precedence.
        let at = self.0.partition_point(|p| p.segments <= path.segments);
        self.0.insert(at, path);
        Ok(())
    }

    /// States whether the main listener serves `method` at `path`. `path` is the path in the client's request, without its query.
    pub(crate) fn exposure(&self, method: &Method, path: &str) -> Exposure {
        let Some(rest) = path.strip_prefix('/') else {
            return Exposure::Hidden;
        };
        // Some servers resolve the segments `.` and `..`, and so serve another path. So a request path with such a segment is never
        // exposed.
        if rest.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Exposure::Hidden;
        }
        let found = self.0.iter().find(|candidate| candidate.matches(rest));
        match found.map(|found| &found.methods) {
            Some(methods) if methods.contains(method) => Exposure::Open,
            Some(methods) if !methods.is_empty() => Exposure::OnlyMethods(methods.clone()),
            _ => Exposure::Hidden,
        }
    }
}

impl ExposedPath {
    fn matches(&self, path: &str) -> bool {
        let mut segments = self.segments.iter();
        let all = path.split('/').all(|sent| match segments.next() {
            Some(Segment::Literal(literal)) => literal == sent,
            Some(Segment::Parameter) => !sent.is_empty(),
            None => false,
        });
        all && segments.next().is_none()
    }
}

fn segments(path: &str) -> Result<Vec<Segment>, String> {
    let rest = path.strip_prefix('/').ok_or("a path must begin with `/`")?;
    let segment = |segment: &str| {
        let inner = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match inner {
            Some(_) => Ok(Segment::Parameter),
            None if segment.contains(['{', '}']) => Err(format!(
                "the segment {segment:?} mixes text and a parameter; expected only text or only a parameter"
            )),
            None => Ok(Segment::Literal(segment.to_owned())),
        }
    };
    rest.split('/').map(segment).collect()
}
