//! Checks whether a rule applies to a request.

use nojson::RawJsonValue;
use stoa_filter::document::Node;
use stoa_filter::matching::{HeaderTest, TextTest};
use stoa_filter::number::read_whole;

use crate::request::Request;

/// The tests that a request must pass to match. A request matches if it passes all tests, so a matcher without tests matches every
/// request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matcher {
    /// The permitted methods. Empty: every method.
    pub methods: Vec<String>,
    /// The test of the path without its query. `None`: every path.
    pub path: Option<TextTest>,
    /// The tests of headers, all of which must pass.
    pub headers: Vec<HeaderTest>,
    /// The permitted SPIFFE identities of the caller. Empty: every caller.
    pub principals: Vec<String>,
    /// The tests of values in a JSON body, all of which must pass.
    pub body: Vec<BodyTest>,
}

/// A test of one value in a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyTest {
    /// The tokens of the JSON pointer (RFC 6901) to the value.
    pub pointer: Vec<String>,
    /// The test of the value.
    pub test: ValueTest,
}

/// A test of a value in a body.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueTest {
    /// The value is a whole number between the two numbers of this variant, or equal to one of them.
    Range(i64, i64),
    /// The value is one of these strings.
    OneOf(Vec<String>),
}

impl Matcher {
    /// Matches `POST /payments`. The default rule uses this matcher. A fault that is requested by header uses it too, unless
    /// `header_faults` contains `match`.
    pub fn payments() -> Self {
        Self {
            methods: vec!["POST".to_owned()],
            path: Some(TextTest::Exact("/payments".to_owned())),
            ..Self::default()
        }
    }

    /// Reads `{"methods": [..], "path": {..}, "headers": [..], "principals": [..], "body": [..]}`.
    pub fn read(node: &Node<'_>) -> Self {
        let Some(object) = node.object() else {
            return Self::default();
        };
        let methods = object.get("methods").map(|node| methods(&node));
        let path = object.get("path").and_then(|node| {
            let path = node.object()?;
            TextTest::read(path.one_of(&TextTest::NAMES)?)
        });
        let headers = object.get("headers").map(|node| node.list());
        let header = |node: &Node<'_>| HeaderTest::read(&node.object()?);
        let principals = object.get("principals").map(|node| principals(&node));
        let body = object.get("body").map(|node| node.list());
        Self {
            methods: methods.unwrap_or_default(),
            path,
            headers: headers
                .unwrap_or_default()
                .iter()
                .filter_map(header)
                .collect(),
            principals: principals.unwrap_or_default(),
            body: body
                .unwrap_or_default()
                .iter()
                .filter_map(BodyTest::read)
                .collect(),
        }
    }

    /// Whether the request passes all tests except the tests of the body.
    pub fn matches_head(&self, request: &impl Request) -> bool {
        let one_of = |texts: &[String], text: Option<Vec<u8>>| {
            text.is_some_and(|text| texts.iter().any(|one| one.as_bytes() == text))
        };
        if !self.methods.is_empty() && !one_of(&self.methods, request.header(":method")) {
            return false;
        }
        if let Some(test) = &self.path {
            let Some(target) = request.header(":path") else {
                return false;
            };
            let path = target.split(|b| *b == b'?').next();
            if !path.is_some_and(|path| test.passes(path)) {
                return false;
            }
        }
        let header = |test: &HeaderTest| test.passes(&request.headers(&test.name));
        self.headers.iter().all(header)
            && (self.principals.is_empty() || one_of(&self.principals, request.principal()))
    }

    /// Whether the body passes all tests of body values. `None` stands for a body that is not JSON.
    pub fn matches_body(&self, body: Option<RawJsonValue<'_, '_>>) -> bool {
        self.body
            .iter()
            .all(|test| body.is_some_and(|body| test.passes(body)))
    }
}

fn methods(node: &Node<'_>) -> Vec<String> {
    let methods = node.texts();
    let capitals = |method: &String| method.bytes().all(|b| b.is_ascii_uppercase());
    if !methods.iter().all(capitals) {
        node.add_mismatch("a list of methods in capitals");
    }
    methods
}

/// Reads SPIFFE identities (the SPIFFE-ID standard, section 2).
pub(crate) fn principals(node: &Node<'_>) -> Vec<String> {
    let principals = node.texts();
    for principal in &principals {
        let rest = principal.strip_prefix("spiffe://").unwrap_or_default();
        if rest.is_empty() || rest.contains([' ', '*', '?', '#']) {
            node.add_error(
                &[
                    principal,
                    " is not a SPIFFE identity such as spiffe://cluster.local/ns/shop/sa/order",
                ]
                .concat(),
            );
        }
    }
    principals
}

impl BodyTest {
    fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let pointer = object.required("pointer").and_then(|node| pointer(&node));
        let min = object.get("min").map(|node| node.signed());
        let max = object.get("max").map(|node| node.signed());
        let texts = object.get("one_of").map(|node| node.texts());
        let test = match (min, max, texts) {
            (None, None, Some(texts)) => ValueTest::OneOf(texts),
            (None, None, None) | (_, _, Some(_)) => {
                node.add_error("expected one_of, min, max, or both min and max");
                return None;
            }
            (min, max, None) => {
                let min = min.flatten().unwrap_or(i64::MIN);
                let max = max.flatten().unwrap_or(i64::MAX);
                if min > max {
                    node.add_error("min is above max");
                }
                ValueTest::Range(min, max)
            }
        };
        Some(Self {
            pointer: pointer?,
            test,
        })
    }

    fn passes(&self, body: RawJsonValue<'_, '_>) -> bool {
        let Some(value) = value_at(body, &self.pointer) else {
            return false;
        };
        match &self.test {
            ValueTest::Range(min, max) => {
                read_whole(value).is_some_and(|n| (*min..=*max).contains(&n))
            }
            ValueTest::OneOf(texts) => value
                .to_unquoted_string_str()
                .is_ok_and(|value| texts.iter().any(|text| *text == value)),
        }
    }
}

/// Reads a JSON pointer (RFC 6901). In a token, `~1` means a slash and `~0` means a tilde.
fn pointer(node: &Node<'_>) -> Option<Vec<String>> {
    let text = node.text()?;
    if !text.starts_with('/') {
        node.add_mismatch("a JSON pointer that begins with a slash");
    }
    let token = |token: &str| {
        let mut chars = token.chars();
        let mut unescaped = String::new();
        while let Some(c) = chars.next() {
            unescaped.push(match c {
                '~' if chars.next() == Some('1') => '/',
                c => c,
            });
        }
        unescaped
    };
    Some(text.split('/').skip(1).map(token).collect())
}

/// The value at a JSON pointer.
fn value_at<'t, 'r>(
    root: RawJsonValue<'t, 'r>,
    pointer: &[String],
) -> Option<RawJsonValue<'t, 'r>> {
    let mut value = root;
    for token in pointer {
        value = match value.to_array() {
            Ok(mut items) => items.nth(token.parse().ok()?)?,
            Err(_) => value.to_member(token).ok()?.optional()?,
        };
    }
    Some(value)
}
