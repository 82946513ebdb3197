//! `allowed_outbound_hosts`: scheme, host and port; each may be a wildcard.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Destinations a component may reach: `http://localhost:8080`, `https://*.example.com`, `*://10.0.0.0/8:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    text: String,
    /// `None`: any scheme.
    scheme: Option<String>,
    host: Host,
    /// First and last port, both included.
    ports: (u16, u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// Any name with this suffix; the suffix begins with a dot.
    Below(String),
    Exact(String),
    Network(IpAddr, u8),
}

/// Why a text is not an [`AllowedHost`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadHost(String);

/// The domain under which components reach each other.
const INTERNAL: &str = ".spin.internal";

impl AllowedHost {
    /// Whether a request to `host` at `port` with `scheme` is allowed. `host` does not include a port.
    pub fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        let (first, last) = self.ports;
        self.scheme
            .as_deref()
            .is_none_or(|allowed| allowed.eq_ignore_ascii_case(scheme))
            && (first..=last).contains(&port)
            && self.host.allows(host)
    }

    /// The component in an entry `http://NAME.spin.internal`.
    pub(crate) fn internal(&self) -> Option<&str> {
        match &self.host {
            Host::Exact(host) => host.strip_suffix(INTERNAL),
            _ => None,
        }
    }

    /// Whether the entry is `http://*.spin.internal`, which stands for every component.
    pub(crate) fn any_internal(&self) -> bool {
        matches!(&self.host, Host::Below(domain) if domain == INTERNAL)
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Host {
    fn allows(&self, host: &str) -> bool {
        let host = bare(host).to_ascii_lowercase();
        match self {
            Self::Any => true,
            Self::Below(domain) => host.ends_with(domain.as_str()),
            Self::Exact(exact) => host == *exact,
            Self::Network(network, bits) => host
                .parse()
                .is_ok_and(|address| contains(*network, *bits, address)),
        }
    }

    fn parse(text: &str, whole: &str) -> Result<Self, BadHost> {
        let text = bare(text).to_ascii_lowercase();
        if let Some((address, bits)) = text.split_once('/') {
            let network = address.parse().ok().zip(bits.parse().ok());
            return match network {
                Some((address, bits))
                    if bits <= if IpAddr::is_ipv4(&address) { 32 } else { 128 } =>
                {
                    Ok(Self::Network(address, bits))
                }
                _ => Err(BadHost(format!(
                    "{whole:?} has a path; only a scheme, a host and a port may stand here"
                ))),
            };
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        if text == "self" || text == "self.alt" {
            return Err(BadHost(format!(
                "{whole:?}: the embedded runtime does not support `self`; name the component: http://NAME.spin.internal"
            )));
        }
        let (below, domain) = text
            .strip_prefix("*.")
            .map_or((false, text.as_str()), |domain| (true, domain));
        if below && domain.ends_with(INTERNAL) {
            return Err(BadHost(format!(
                "{whole:?} names no component; expected http://NAME.spin.internal, or * for NAME"
            )));
        }
        if domain.parse::<IpAddr>().is_err() && !is_domain(domain) {
            return Err(BadHost(format!(
                "{whole:?} has the host {text:?}; expected a name, an address, a network such as 10.0.0.0/8, `*`, or \
                 `*.` before a domain"
            )));
        }
        Ok(if below {
            Self::Below(format!(".{domain}"))
        } else {
            Self::Exact(domain.to_owned())
        })
    }
}

impl FromStr for AllowedHost {
    type Err = BadHost;

    fn from_str(whole: &str) -> Result<Self, BadHost> {
        if whole.is_empty() {
            return Err(BadHost("is empty; expected scheme://host:port".to_owned()));
        }
        let Some((scheme, rest)) = whole.split_once("://") else {
            return Err(BadHost(format!(
                "{whole:?} has no scheme; expected scheme://host:port"
            )));
        };
        if scheme != "*" && (scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphabetic()))
        {
            return Err(BadHost(format!(
                "{whole:?} has the scheme {scheme:?}; expected letters, or `*`"
            )));
        }
        // A single trailing slash is not a path.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let ports = match port {
            Some(port) => ports(port).ok_or_else(|| {
                let what = if port.contains('/') { "a path" } else { "a port that is none" };
                BadHost(format!("{whole:?} has {what}; expected scheme://host:port with a number, `*` or first..end"))
            })?,
            None => default_port(scheme).map(|port| (port, port)).ok_or_else(|| {
                BadHost(format!("{whole:?} has no port, and the scheme {scheme:?} has no usual one"))
            })?,
        };
        Ok(Self {
            text: whole.to_owned(),
            scheme: (scheme != "*").then(|| scheme.to_ascii_lowercase()),
            host: Host::parse(host, whole)?,
            ports,
        })
    }
}

/// The default port of a scheme.
fn default_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" => 80,
        "https" => 443,
        "postgres" => 5432,
        "mysql" => 3306,
        "redis" => 6379,
        "mqtt" => 1883,
        _ => return None,
    })
}

/// Parses `80`, `*`, or `8000..8010`; as in Spin, the end of a range is exclusive.
fn ports(text: &str) -> Option<(u16, u16)> {
    if text == "*" {
        return Some((0, u16::MAX));
    }
    match text.split_once("..") {
        Some((first, end)) => {
            let (first, end): (u16, u16) = (first.parse().ok()?, end.parse().ok()?);
            (first < end).then(|| (first, end - 1))
        }
        None => text.parse().ok().map(|port| (port, port)),
    }
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn is_domain(name: &str) -> bool {
    !name.is_empty()
        && name.split('.').all(|label| {
            !label.is_empty()
                && label
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        })
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let shifted = |width: u32, a: u128, b: u128| {
        let shift = width.saturating_sub(u32::from(bits));
        a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            shifted(32, u32::from(network).into(), u32::from(address).into())
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => shifted(128, network.into(), address.into()),
        _ => false,
    }
}
