//! Cookies (RFC 6265): writes the session cookie, and reads the cookies of a request.

use stoa_filter::document::Node;

use crate::bytes::split_once;

/// The session cookie and its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// The cookie's name.
    pub name: String,
    /// The attribute `Path`.
    pub path: String,
    /// The attribute `Max-Age`, in seconds. If the value is 0, the attribute is left out, and the cookie lasts until the browser is
    /// closed.
    pub max_age_seconds: u64,
    /// The attribute `SameSite`.
    pub same_site: SameSite,
    /// The attribute `Secure`: browsers send the cookie only over TLS.
    pub secure: bool,
}

/// The attribute `SameSite`: it decides on which requests from other sites browsers send the cookie (RFC 6265bis, section 5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// Browsers do not send the cookie on requests from other sites.
    Strict,
    /// Browsers send the cookie only if the user follows a link from another site.
    Lax,
    /// Browsers send the cookie on all requests. Browsers accept this value only together with `Secure`.
    None,
}

impl Cookie {
    /// Reads `false` (no cookie), or an object. The members of the object replace those of `default`.
    pub(crate) fn read(node: &Node<'_>, default: Option<Self>) -> Option<Self> {
        if node.value().as_raw_str() == "false" {
            return None;
        }
        let object = node.object()?;
        let mut cookie = default?;
        if let Some(name) = object.get("name").and_then(|node| cookie_name(&node)) {
            cookie.name = name;
        }
        if let Some(node) = object.get("path") {
            cookie.path = node.text().unwrap_or_default();
            let plain = |b: u8| b.is_ascii_graphic() && b != b';' && b != b',';
            if !cookie.path.starts_with('/') || !cookie.path.bytes().all(plain) {
                node.add_mismatch("a path that begins with a slash");
            }
        }
        let age = object.get("max_age_seconds");
        if let Some(age) = age.and_then(|node| node.integer(0..=u64::from(u32::MAX))) {
            cookie.max_age_seconds = age;
        }
        if let Some(secure) = object.get("secure").and_then(|node| node.flag()) {
            cookie.secure = secure;
        }
        if let Some(node) = object.get("same_site") {
            cookie.same_site = match node.text().as_deref() {
                Some("Strict") => SameSite::Strict,
                Some("Lax") => SameSite::Lax,
                Some("None") => SameSite::None,
                _ => {
                    node.add_mismatch("Strict, Lax or None");
                    SameSite::Lax
                }
            };
            if cookie.same_site == SameSite::None && !cookie.secure {
                node.add_error(
                    "\"None\" requires \"secure\": true; browsers reject the cookie otherwise",
                );
            }
        }
        Some(cookie)
    }

    /// The value of the `Set-Cookie` header that stores the session `id` in the browser.
    pub fn set_cookie_value(&self, id: u64) -> String {
        let same_site = match self.same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        };
        let max_age = match self.max_age_seconds {
            0 => String::new(),
            seconds => format!("; Max-Age={seconds}"),
        };
        let secure = if self.secure { "; Secure" } else { "" };
        let (name, path, session) = (&self.name, &self.path, format_session(id));
        format!("{name}={session}; Path={path}{max_age}; SameSite={same_site}; HttpOnly{secure}")
    }

    /// True if `header` sets this cookie. `header` is the value of a `Set-Cookie` header in a response.
    pub fn is_set_by(&self, header: &[u8]) -> bool {
        split_once(header, b'=').is_some_and(|(name, _)| name.trim_ascii() == self.name.as_bytes())
    }
}

/// Formats a session id as 16 hexadecimal digits.
pub fn format_session(id: u64) -> String {
    format!("{id:016x}")
}

/// The value of the first cookie in `header` that has this name and is not empty.
pub fn find<'c>(header: &'c [u8], name: &str) -> Option<&'c [u8]> {
    header.split(|b| *b == b';').find_map(|pair| {
        let (key, value) = split_once(pair, b'=')?;
        (key.trim_ascii() == name.as_bytes() && !value.is_empty()).then_some(value.trim_ascii())
    })
}

/// Reads a cookie's name. By RFC 6265, section 4.1.1, the name is a token; this function accepts only some of the characters of a
/// token.
pub(crate) fn cookie_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    {
        node.add_mismatch("a name of letters, digits, hyphens, dots and underscores");
    }
    Some(text)
}
