//! Reads the certificates in the response of Envoy's administration interface to a request for `/certs`.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::value::{items, text};

/// Maximum number of digits of a serial number that a table shows.
const SERIAL_DIGITS_SHOWN: usize = 12;

/// The time at which a certificate from `/certs` expires.
pub(crate) fn expiry(certificate: &Value) -> Option<SystemTime> {
    humantime::parse_rfc3339(text(certificate, "/expiration_time")).ok()
}

/// The URIs and DNS names in a certificate from `/certs`.
pub(crate) fn certificate_names(certificate: &Value) -> Vec<String> {
    let names = items(certificate, "/subject_alt_names");
    let names = names.flat_map(|name| ["/uri", "/dns"].map(|kind| text(name, kind).to_owned()));
    names.filter(|name| !name.is_empty()).collect()
}

/// The serial number and the remaining validity of an Envoy's newest identity certificate. During a renewal, an Envoy has both the
/// old and the new certificate.
pub(super) fn identity_certificate(certificates: &Value) -> Option<(String, String)> {
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
        .take(SERIAL_DIGITS_SHOWN);
    let remaining = match expires.duration_since(SystemTime::now()) {
        Ok(time) => humantime::format_duration(Duration::from_secs(time.as_secs())).to_string(),
        Err(_) => "EXPIRED".to_owned(),
    };
    Some((serial.collect(), remaining))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_identity_is_shown_and_an_expired_one_is_marked() {
        let shown = |expires: &[&str]| {
            let chain = |expires: &&str| {
                serde_json::json!({"cert_chain": [{"serial_number": "0123456789abcdef", "expiration_time": expires,
                    "subject_alt_names": [{"uri": "spiffe://cluster.local/ns/shop/sa/cart"}]}]})
            };
            let certificates: Vec<_> = expires.iter().map(chain).collect();
            identity_certificate(&serde_json::json!({"certificates": certificates}))
        };
        let (serial, remaining) = shown(&["2020-01-01T00:00:00Z"]).expect("an identity");
        assert_eq!(
            (serial.as_str(), remaining.as_str()),
            ("0123456789ab", "EXPIRED")
        );
        let (_, remaining) =
            shown(&["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]).expect("an identity");
        assert!(remaining.contains("years"), "{remaining}");
        assert_eq!(shown(&[]), None);
    }
}
