//! One signing key: a P-256 key pair. [`crate::signing_keys`] holds all keys of the service.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A P-256 key pair with its id.
#[derive(Clone)]
pub struct SigningKey {
    secret: SecretKey,
    jwk: Jwk,
}

/// A public key in the JSON format of RFC 7517.
#[derive(Debug, Clone, Serialize)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
    y: String,
}

/// The reason why a signing key is missing or unusable. The error never shows the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The host cannot supply random numbers.
    #[error("cannot get random numbers from the host: {0}")]
    Randomness(getrandom::Error),
    /// None of the host's random numbers was a valid key. Almost every random number is a valid key, so the host's numbers are
    /// probably not random.
    #[error(
        "cannot generate a key: four tries with random numbers from the host gave no valid key"
    )]
    NotRandom,
    /// The text is not a P-256 key as PKCS#8 PEM.
    #[error("expected an EC key on P-256 (prime256v1) as PKCS#8 PEM; {hint} ({cause})")]
    NotPem {
        /// What is wrong with the text, for example the format that it really has.
        hint: &'static str,
        /// The decoder's error.
        cause: p256::pkcs8::Error,
    },
    /// The key cannot be written as PKCS#8.
    #[error("cannot encode the key as PKCS#8: {0}")]
    Encoding(p256::pkcs8::Error),
    /// The public key cannot be used to verify tokens.
    #[error("cannot use the public key to verify tokens: {0}")]
    PublicKey(#[source] jsonwebtoken::errors::Error),
}

/// Prints only the key's id, never the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid())
    }
}

impl SigningKey {
    /// Generates a new random key.
    pub fn generate() -> Result<Self, KeyError> {
        let mut scalar = [0_u8; 32];
        // Nearly every 256-bit number is a valid key. About one number in 2^32 is not valid, and is replaced by a new random
        // number.
        for _ in 0..4 {
            getrandom::fill(&mut scalar).map_err(KeyError::Randomness)?;
            if let Ok(secret) = SecretKey::from_slice(&scalar) {
                return Ok(Self::new(secret));
            }
        }
        Err(KeyError::NotRandom)
    }

    /// Reads a key from one block of PKCS#8 PEM. Error: [`KeyError::NotPem`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pem = pem.trim();
        SecretKey::from_pkcs8_pem(pem)
            .map(Self::new)
            .map_err(|cause| KeyError::NotPem {
                hint: match pem.lines().next().unwrap_or_default() {
                    "-----BEGIN PRIVATE KEY-----"
                        if !pem.ends_with("-----END PRIVATE KEY-----") =>
                    {
                        "the text does not end with -----END PRIVATE KEY-----"
                    }
                    "-----BEGIN PRIVATE KEY-----" => {
                        "the text is PKCS#8, but does not contain a P-256 key"
                    }
                    "-----BEGIN EC PRIVATE KEY-----" => {
                        "the key is in SEC1 format; convert it with openssl pkcs8 -topk8 -nocrypt"
                    }
                    "-----BEGIN ENCRYPTED PRIVATE KEY-----" => {
                        "the key is encrypted; decrypt it with openssl pkcs8"
                    }
                    _ => "the text does not begin with -----BEGIN PRIVATE KEY-----",
                },
                cause,
            })
    }

    fn new(secret: SecretKey) -> Self {
        let point = secret.public_key().to_encoded_point(false);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let x = encode(point.x().map_or(&[][..], |x| x));
        let y = encode(point.y().map_or(&[][..], |y| y));
        // The thumbprint of RFC 7638 is the digest of the key's required JSON members, sorted by name and without white space.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let jwk = Jwk {
            kty: "EC",
            crv: "P-256",
            purpose: "sig",
            alg: "ES256",
            kid: URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)),
            x,
            y,
        };
        Self { secret, jwk }
    }

    /// Returns the key's id, which is the thumbprint of RFC 7638.
    pub fn kid(&self) -> &str {
        &self.jwk.kid
    }

    /// Returns the private key as PKCS#8 PEM, the format in which the database stores the key.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.secret
            .to_pkcs8_pem(LineEnding::LF)
            .map(|pem| pem.to_string())
            .map_err(KeyError::Encoding)
    }

    /// Returns the public key.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Returns the private key for signing tokens.
    pub fn encoding_key(&self) -> Result<EncodingKey, KeyError> {
        let der = self.secret.to_pkcs8_der().map_err(KeyError::Encoding)?;
        Ok(EncodingKey::from_ec_der(der.as_bytes()))
    }

    /// Returns the public key for verifying tokens.
    pub fn decoding_key(&self) -> Result<DecodingKey, KeyError> {
        DecodingKey::from_ec_components(&self.jwk.x, &self.jwk.y).map_err(KeyError::PublicKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_id_is_the_thumbprint_of_rfc_7638() {
        let mut scalar = [0_u8; 32];
        scalar[31] = 1;
        let key = SigningKey::new(SecretKey::from_slice(&scalar).unwrap());
        // For the private key 1, the public key is the curve's base point (SEC 2: 6b17d1f2..., 4fe342e2...). Another program
        // computed the expected thumbprint.
        assert_eq!(key.jwk.x, "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY");
        assert_eq!(key.jwk.y, "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
        assert_eq!(key.kid(), "xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M");
    }

    #[test]
    fn a_key_survives_writing_and_reading() {
        let key = SigningKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        assert_eq!(SigningKey::from_pem(&pem).unwrap().kid(), key.kid());
        assert_ne!(SigningKey::generate().unwrap().kid(), key.kid());
    }

    #[test]
    fn an_error_names_the_format_of_a_wrong_key_and_does_not_show_the_key() {
        // A key on P-256 whose algorithm identifier names a different curve: the OID ends in 6 (1.2.840.10045.3.1.6) in place of 7.
        let der = SigningKey::generate()
            .unwrap()
            .secret
            .to_pkcs8_der()
            .unwrap();
        let mut der = der.as_bytes().to_vec();
        let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let at = der.windows(8).position(|w| w == oid).unwrap();
        der[at + 7] = 0x06;
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let other = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let cut_off = other.trim_end().trim_end_matches('-');
        for (pem, word) in [
            ("nonsense", "does not begin with"),
            (
                "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
                "SEC1",
            ),
            (other.as_str(), "does not contain a P-256 key"),
            (cut_off, "does not end with"),
        ] {
            let fault = SigningKey::from_pem(pem).unwrap_err().to_string();
            assert!(
                fault.contains(word) && !fault.contains("nonsense"),
                "{fault}"
            );
        }
    }
}
