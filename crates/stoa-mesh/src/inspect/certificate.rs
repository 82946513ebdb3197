//! Certificates in a response of `/certs`.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::value::{items, text};

/// Number of digits of a serial number to show.
const SERIAL_SHOWN: usize = 12;

/// The expiry of a certificate of `/certs`.
pub(crate) fn expiry(certificate: &Value) -> Option<SystemTime> {
    humantime::parse_rfc3339(text(certificate, "/expiration_time")).ok()
}

/// The names in a certificate of `/certs`.
pub(crate) fn certificate_names(certificate: &Value) -> Vec<String> {
    let names = items(certificate, "/subject_alt_names");
    let names = names.flat_map(|name| ["/uri", "/dns"].map(|kind| text(name, kind).to_owned()));
    names.filter(|name| !name.is_empty()).collect()
}

/// The serial number of an Envoy's identity certificate, and its remaining validity. During a renewal, both the old and the new
/// certificate are there.
pub(super) fn certificate(certificates: &Value) -> Option<(String, String)> {
    let chains = items(certificates, "/certificates");
    let all = chains.flat_map(|certificate| items(certificate, "/cert_chain"));
    let identities = all.filter(|certificate| {
        let names = certificate_names(certificate);
        names.iter().any(|name| name.starts_with("spiffe://"))
    });
    let newest = identities.filter_map(|certificate| Some((expiry(certificate)?, certificate)));
    let (expires, certificate) = newest.max_by_key(|(expires, _)| *expires)?;
    let serial = text(certificate, "/serial_number")
        .chars()
        .take(SERIAL_SHOWN);
    let remaining = match expires.duration_since(SystemTime::now()) {
        Ok(left) => humantime::format_duration(Duration::from_secs(left.as_secs())).to_string(),
        Err(_) => "EXPIRED".to_owned(),
    };
    Some((serial.collect(), remaining))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_identity_counts_and_one_that_is_over_is_said_to_be() {
        let of = |expires: &[&str]| {
            let chain = |expires: &&str| {
                serde_json::json!({"cert_chain": [{"serial_number": "0123456789abcdef", "expiration_time": expires,
                    "subject_alt_names": [{"uri": "spiffe://cluster.local/ns/shop/sa/cart"}]}]})
            };
            let certificates: Vec<_> = expires.iter().map(chain).collect();
            certificate(&serde_json::json!({"certificates": certificates}))
        };
        let (serial, remaining) = of(&["2020-01-01T00:00:00Z"]).expect("an identity");
        assert_eq!(
            (serial.as_str(), remaining.as_str()),
            ("0123456789ab", "EXPIRED")
        );
        let (_, remaining) =
            of(&["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]).expect("an identity");
        assert!(remaining.contains("years"), "{remaining}");
        assert_eq!(of(&[]), None);
    }
}
