//! Cookies (RFC 6265): the one that keeps a session, and those of a request.

use stoa_filter::document::Node;

use crate::bytes::split_once;

/// How the session's cookie is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// `Path`.
    pub path: String,
    /// `Max-Age`; 0: until the browser is closed.
    pub max_age_seconds: u64,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Secure`: over TLS only.
    pub secure: bool,
}

/// Which requests from other sites carry the cookie (RFC 6265bis, section 5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// None at all.
    Strict,
    /// Only a followed link.
    Lax,
    /// All; browsers require `Secure` with it.
    None,
}

impl Cookie {
    /// Reads `false` for no cookie, or the members that differ from `usual`.
    pub(crate) fn read(node: &Node<'_>, usual: Option<Self>) -> Option<Self> {
        if node.value().as_raw_str() == "false" {
            return None;
        }
        let object = node.object()?;
        let mut cookie = usual?;
        if let Some(name) = object.get("name").and_then(|node| cookie_name(&node)) {
            cookie.name = name;
        }
        if let Some(node) = object.get("path") {
            cookie.path = node.text().unwrap_or_default();
            let plain = |b: u8| b.is_ascii_graphic() && b != b';' && b != b',';
            if !cookie.path.starts_with('/') || !cookie.path.bytes().all(plain) {
                node.not("a path, which begins with a slash");
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
                    node.not("Strict, Lax or None");
                    SameSite::Lax
                }
            };
            if cookie.same_site == SameSite::None && !cookie.secure {
                node.fault("None needs secure: browsers drop the cookie otherwise");
            }
        }
        Some(cookie)
    }

    /// The value of a `Set-Cookie` header that keeps `session`.
    pub fn set(&self, id: u64) -> String {
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
        let (name, path, session) = (&self.name, &self.path, session(id));
        format!("{name}={session}; Path={path}{max_age}; SameSite={same_site}; HttpOnly{secure}")
    }

    /// Whether this `Set-Cookie` header sets this cookie already.
    pub fn is_set_by(&self, header: &[u8]) -> bool {
        split_once(header, b'=').is_some_and(|(name, _)| name.trim_ascii() == self.name.as_bytes())
    }
}

/// Formats the id of a session.
pub fn session(id: u64) -> String {
    format!("{id:016x}")
}

/// The first cookie of this name that is not empty.
pub fn find<'c>(header: &'c [u8], name: &str) -> Option<&'c [u8]> {
    header.split(|b| *b == b';').find_map(|pair| {
        let (key, value) = split_once(pair, b'=')?;
        (key.trim_ascii() == name.as_bytes() && !value.is_empty()).then_some(value.trim_ascii())
    })
}

/// Reads the name of a cookie: a token (RFC 6265, section 4.1.1).
pub(crate) fn cookie_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    {
        node.not("letters, digits, hyphens, dots and underscores");
    }
    Some(text)
}
