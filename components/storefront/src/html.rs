//! Escapes text for HTML and for URLs.

use std::fmt;

/// Text for HTML or SVG, between tags or between double quotes.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, after)) = rest.split_once(['&', '<', '>', '"', '\'']) {
            f.write_str(before)?;
            f.write_str(match rest.as_bytes().get(before.len()) {
                Some(b'&') => "&amp;",
                Some(b'<') => "&lt;",
                Some(b'>') => "&gt;",
                Some(b'"') => "&quot;",
                _ => "&#39;",
            })?;
            rest = after;
        }
        f.write_str(rest)
    }
}

/// A value for a query, percent-encoded (RFC 3986): also safe in HTML.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a>(pub &'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_means_something_in_html_as_text() {
        assert_eq!(
            Text("<a href=\"x\" title='y'>é & ö</a>").to_string(),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;é &amp; ö&lt;/a&gt;"
        );
        assert_eq!(Text("&").to_string(), "&amp;");
        assert_eq!(Text("").to_string(), "");
    }

    #[test]
    fn encodes_what_means_something_in_a_query() {
        assert_eq!(Value("a b&c=é+\"").to_string(), "a%20b%26c%3D%C3%A9%2B%22");
    }
}
