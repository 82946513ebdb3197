//! The entries of `allowed_outbound_hosts`. An entry has a scheme, a host and a port, and each part may be a wildcard.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An entry of `allowed_outbound_hosts`: destinations that a component may call, such as `http://localhost:8080`,
/// `https://*.example.com` or `*://10.0.0.0/8:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    text: String,
    /// The allowed scheme; `None` allows every scheme.
    scheme: Option<String>,
    host: Host,
    /// The first and the last allowed port.
    ports: (u16, u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// Every name that ends with this suffix. The suffix begins with a dot.
    Subdomains(String),
    Exact(String),
    Network(IpAddr, u8),
}

/// The reason why a text is not an [`AllowedHost`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadHost(String);

/// The suffix of the host names with which components call each other.
const INTERNAL_SUFFIX: &str = ".spin.internal";

impl AllowedHost {
    /// True if a request to `scheme://host:port` is allowed. `host` does not include the port.
    pub fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        let (first, last) = self.ports;
        self.scheme
            .as_deref()
            .is_none_or(|allowed| allowed.eq_ignore_ascii_case(scheme))
            && (first..=last).contains(&port)
            && self.host.allows(host)
    }

    /// The component's name in an entry `http://NAME.spin.internal`; `None` for other entries.
    pub(crate) fn component_name(&self) -> Option<&str> {
        match &self.host {
            Host::Exact(host) => host.strip_suffix(INTERNAL_SUFFIX),
            _ => None,
        }
    }

    /// True if the entry is `http://*.spin.internal`, which allows calls to every component.
    pub(crate) fn allows_any_component(&self) -> bool {
        matches!(&self.host, Host::Subdomains(domain) if domain == INTERNAL_SUFFIX)
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Host {
    fn allows(&self, host: &str) -> bool {
        let host = without_brackets(host).to_ascii_lowercase();
        match self {
            Self::Any => true,
            Self::Subdomains(domain) => host.ends_with(domain.as_str()),
            Self::Exact(exact) => host == *exact,
            Self::Network(network, bits) => host
                .parse()
                .is_ok_and(|address| network_contains(*network, *bits, address)),
        }
    }

    fn parse(text: &str, whole: &str) -> Result<Self, BadHost> {
        let text = without_brackets(text).to_ascii_lowercase();
        if let Some((address, bits)) = text.split_once('/') {
            let network = address.parse().ok().zip(bits.parse().ok());
            return match network {
                Some((address, bits))
                    if bits <= if IpAddr::is_ipv4(&address) { 32 } else { 128 } =>
                {
                    Ok(Self::Network(address, bits))
                }
                _ => Err(BadHost(format!(
                    "{whole:?} has a path; expected only a scheme, a host and a port"
                ))),
            };
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        if text == "self" || text == "self.alt" {
            return Err(BadHost(format!(
                "{whole:?}: the embedded runtime does not support `self`; expected http://NAME.spin.internal, where NAME is \
                 a component"
            )));
        }
        let (below, domain) = text
            .strip_prefix("*.")
            .map_or((false, text.as_str()), |domain| (true, domain));
        if below && domain.ends_with(INTERNAL_SUFFIX) {
            return Err(BadHost(format!(
                "{whole:?} does not name a component; expected http://NAME.spin.internal, or http://*.spin.internal for \
                 all components"
            )));
        }
        if domain.parse::<IpAddr>().is_err() && !is_domain(domain) {
            return Err(BadHost(format!(
                "{whole:?} has the host {text:?}; expected a name, an address, a network such as 10.0.0.0/8, `*`, or \
                 `*.` before a domain"
            )));
        }
        Ok(if below {
            Self::Subdomains(format!(".{domain}"))
        } else {
            Self::Exact(domain.to_owned())
        })
    }
}

impl FromStr for AllowedHost {
    type Err = BadHost;

    fn from_str(whole: &str) -> Result<Self, BadHost> {
        if whole.is_empty() {
            return Err(BadHost("empty; expected scheme://host:port".to_owned()));
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
        // A single slash at the end of the entry does not count as a path.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let ports = match port {
            Some(port) => parse_ports(port).ok_or_else(|| {
                let what = if port.contains('/') { "a path" } else { "an invalid port" };
                BadHost(format!("{whole:?} has {what}; expected scheme://host:port, with a number, `*` or first..end as the port"))
            })?,
            None => default_port(scheme).map(|port| (port, port)).ok_or_else(|| {
                BadHost(format!("{whole:?} has no port, and the scheme {scheme:?} has no default port"))
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

/// Parses `80`, `*`, or `8000..8010` into the first and the last port. As in Spin, a range does not include its end: `8000..8010`
/// ends at port 8009.
fn parse_ports(text: &str) -> Option<(u16, u16)> {
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

/// Removes the brackets of an IPv6 address.
fn without_brackets(host: &str) -> &str {
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

fn network_contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
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
