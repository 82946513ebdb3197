//! The shop's address.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use serde::Serialize;

/// The shop's address: scheme and authority, such as `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target(String);

impl Target {
    /// The URL of a path, which must begin with `/`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |fault: &str| {
            Err(format!(
                "`{text}` {fault}; expected an address such as http://127.0.0.1:8080"
            ))
        };
        let Ok(uri) = text.parse::<Uri>() else {
            return fault("is not a URL");
        };
        let (scheme, authority) = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme @ ("http" | "https")), Some(authority)) => (scheme, authority),
            _ => return fault("has no scheme (http or https) or no host"),
        };
        if authority.as_str().contains('@') {
            return fault("has a user name");
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return fault("has a path or a query, but the shop is at the root of its address");
        }
        Ok(Self(format!("{scheme}://{authority}")))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_scheme_host_and_port() {
        for (text, read) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://shop.example.com", "https://shop.example.com"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), read);
        }
        for text in [
            "",
            "shop.example.com",
            "127.0.0.1:8080",
            "ftp://shop.example.com",
            "http://shop.example.com/shop/",
            "http://shop.example.com/?x=1",
            "http://ann@shop.example.com",
            "http://",
        ] {
            let fault = text.parse::<Target>().unwrap_err();
            assert!(fault.contains(&format!("`{text}`")), "{fault}");
        }
    }
}
