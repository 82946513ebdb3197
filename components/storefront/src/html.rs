//! Types that escape text for HTML and for URLs when they are printed.

use std::fmt;

/// Prints a text escaped for HTML or SVG. The result is safe between tags and between double quotes.
#[derive(Debug, Clone, Copy)]
pub struct HtmlText<'a>(pub &'a str);

impl fmt::Display for HtmlText<'_> {
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

/// Prints a value percent-encoded (RFC 3986) for the query of a URL. The result is also safe in HTML.
#[derive(Debug, Clone, Copy)]
pub struct QueryValue<'a>(pub &'a str);

impl fmt::Display for QueryValue<'_> {
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
    fn escapes_the_special_characters_of_html() {
        assert_eq!(
            HtmlText("<a href=\"x\" title='y'>é & ö</a>").to_string(),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;é &amp; ö&lt;/a&gt;"
        );
        assert_eq!(HtmlText("&").to_string(), "&amp;");
        assert_eq!(HtmlText("").to_string(), "");
    }

    #[test]
    fn encodes_the_special_characters_of_a_query() {
        assert_eq!(
            QueryValue("a b&c=é+\"").to_string(),
            "a%20b%26c%3D%C3%A9%2B%22"
        );
    }
}
