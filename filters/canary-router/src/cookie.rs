//! Cookies (RFC 6265): the one that a session is kept in, and those that a request brings.

use crate::decision::split;

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

/// Which requests from other sites bring the cookie (RFC 6265bis, section 5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// None at all.
    Strict,
    /// Only a followed link.
    Lax,
    /// All; browsers ask for `Secure` with it.
    None,
}

impl Cookie {
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
        split(header, b'=').is_some_and(|(name, _)| name.trim_ascii() == self.name.as_bytes())
    }
}

/// How the id of a session is written.
pub fn session(id: u64) -> String {
    format!("{id:016x}")
}

/// The first cookie of this name that is not empty.
pub fn find<'c>(header: &'c [u8], name: &str) -> Option<&'c [u8]> {
    header.split(|b| *b == b';').find_map(|pair| {
        let (key, value) = split(pair, b'=')?;
        (key.trim_ascii() == name.as_bytes() && !value.is_empty()).then_some(value.trim_ascii())
    })
}
