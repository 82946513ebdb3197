//! Verifies the carrier's signature: `x-carrier-signature: t=<unix seconds>,v1=<hex>`. `<hex>` is the HMAC-SHA256 of the time as
//! text, a dot and the body. The signature covers the time, so an old report cannot be replayed.

use hmac::{Hmac, Mac};

/// The largest accepted difference between the signed time and the current time, in seconds. Clocks differ, and a report needs time
/// to arrive.
pub const TOLERANCE_SECONDS: u64 = 300;

/// The key that the carrier and this service share.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps the shared key. The `Debug` output hides the key.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The error for a header that is not a valid, recent signature of the carrier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("x-carrier-signature: {0}")]
pub struct BadSignature(&'static str);

/// Checks that `header` is a valid signature of `body`. `now_seconds` is the current time in seconds since the Unix epoch.
pub fn verify(
    secret: &Secret,
    header: Option<&str>,
    body: &[u8],
    now_seconds: i64,
) -> Result<(), BadSignature> {
    let (time, digest) = header.and_then(parse).ok_or(BadSignature(
        "x-carrier-signature: expected `t=<unix seconds>,v1=<64 hex digits>`",
    ))?;
    // The creation of the HMAC never fails, because HMAC accepts a key of any length.
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.0.as_bytes())
        .map_err(|_| BadSignature("the key is not usable"))?;
    // The digest covers the text of the time as received, because the carrier signed that text.
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    // This comparison takes constant time, so a forger cannot learn how many bytes of a digest are right.
    mac.verify_slice(&digest).map_err(|_| {
        BadSignature("x-carrier-signature: the digest v1 does not match the time and the body")
    })?;
    let seconds: i64 = time
        .parse()
        .map_err(|_| BadSignature("x-carrier-signature: the time t is out of range"))?;
    if now_seconds.abs_diff(seconds) > TOLERANCE_SECONDS {
        return Err(BadSignature(
            "x-carrier-signature: the time t differs from the current time by more than 300 seconds",
        ));
    }
    Ok(())
}

fn parse(header: &str) -> Option<(&str, [u8; 32])> {
    let (time, digest) = header.strip_prefix("t=")?.split_once(",v1=")?;
    let is_time = !time.is_empty() && time.bytes().all(|b| b.is_ascii_digit());
    if !is_time || digest.len() != 64 {
        return None;
    }
    let mut bytes = [0_u8; 32];
    let mut digits = digest.chars().map(|c| c.to_digit(16));
    for byte in &mut bytes {
        *byte = u8::try_from(digits.next()?? * 16 + digits.next()??).ok()?;
    }
    Some((time, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const BODY: &[u8] = br#"{"status":"delivered"}"#;

    fn sign(secret: &str, time: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update([time.as_bytes(), b".", body].concat().as_slice());
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        format!("t={time},v1={hex}")
    }

    fn check(header: Option<&str>) -> Result<(), BadSignature> {
        let secret = Secret::new("s3cret".to_owned());
        verify(&secret, header, BODY, NOW)
    }

    #[test]
    fn a_signature_is_accepted_if_its_time_differs_by_at_most_300_seconds() {
        for seconds in [NOW, NOW - 300, NOW + 300] {
            assert_eq!(
                check(Some(&sign("s3cret", &seconds.to_string(), BODY))),
                Ok(())
            );
        }
    }

    #[test]
    fn old_forged_changed_and_malformed_signatures_are_rejected() {
        let good = sign("s3cret", &NOW.to_string(), BODY);
        let digest = good.split_once("v1=").unwrap().1;
        let cases = [
            sign("s3cret", &(NOW - 301).to_string(), BODY),
            sign("s3cret", &(NOW + 301).to_string(), BODY),
            sign("s3cret", "99999999999999999999999999", BODY),
            sign("other", &NOW.to_string(), BODY),
            sign("s3cret", &NOW.to_string(), b"{}"),
            format!("t={},v1={digest}", NOW + 1),
            format!("t={NOW},v1={}", &digest[..62]),
            format!("t={NOW},v1={digest}00"),
            format!("t={NOW},v1={}", "é".repeat(32)),
            format!("t={NOW},v0={digest}"),
            format!("t=-{NOW},v1={digest}"),
            "t=,v1=".to_owned(),
            String::new(),
        ];
        for case in &cases {
            assert!(check(Some(case)).is_err(), "{case}");
        }
        assert!(check(None).is_err());
        assert_eq!(check(Some(&good)), Ok(()));
    }

    #[test]
    fn a_digest_that_openssl_computed_is_accepted() {
        // The command that computed the digest:
        // printf '1800000000.{"status":"delivered"}' | openssl dgst -sha256 -hmac s3cret
        let digest = "58a481e1fe430ba62ea5a3139be3449861cf641a1f2e0a2ae1f6f3b4ec325c07";
        assert_eq!(check(Some(&format!("t={NOW},v1={digest}"))), Ok(()));
    }
}
