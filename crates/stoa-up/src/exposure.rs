//! The operations that the main listener exposes: those in an OpenAPI document, except operations marked `x-internal`.

use http::Method;
use stoa_runtime::Exposure;

/// The paths of a document, with the exposed methods of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExposedPaths(Vec<ExposedPath>);

#[derive(Debug, Clone)]
struct ExposedPath {
    segments: Vec<Segment>,
    open: Vec<Method>,
}

/// In the order of precedence: a literal wins over a parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter,
}

impl ExposedPaths {
    /// Adds a path of the document, such as `/cart/{sku}`, with the methods to expose. GET adds HEAD, and any method adds
    /// OPTIONS.
    ///
    /// # Errors
    /// Why the path is invalid.
    pub(crate) fn add(
        &mut self,
        path: &str,
        methods: impl Iterator<Item = Method>,
    ) -> Result<(), String> {
        let segments = segments(path)?;
        let mut open: Vec<_> = methods.collect();
        if open.contains(&Method::GET) {
            open.push(Method::HEAD);
        }
        if !open.is_empty() {
            open.push(Method::OPTIONS);
        }
        let path = ExposedPath { segments, open };
        // The most literal path comes first, so that the first match is the right one.
        let at = self.0.partition_point(|p| p.segments <= path.segments);
        self.0.insert(at, path);
        Ok(())
    }

    /// What the main listener does with `method` at `path`. The path is as the client sent it, without a query.
    pub(crate) fn exposure(&self, method: &Method, path: &str) -> Exposure {
        let Some(rest) = path.strip_prefix('/') else {
            return Exposure::Hidden;
        };
        // Servers do not treat these as plain names, so such paths stay hidden.
        if rest.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Exposure::Hidden;
        }
        let found = self.0.iter().find(|candidate| candidate.matches(rest));
        match found.map(|found| &found.open) {
            Some(open) if open.contains(method) => Exposure::Open,
            Some(open) if !open.is_empty() => Exposure::OtherMethods(open.clone()),
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
    let rest = path.strip_prefix('/').ok_or("a path begins with `/`")?;
    let segment = |segment: &str| {
        let inner = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match inner {
            Some(_) => Ok(Segment::Parameter),
            None if segment.contains(['{', '}']) => {
                Err(format!("{segment:?} mixes text and a parameter"))
            }
            None => Ok(Segment::Literal(segment.to_owned())),
        }
    };
    rest.split('/').map(segment).collect()
}
