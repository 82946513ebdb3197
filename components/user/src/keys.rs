//! The key that signs tokens, and the key set with which other services verify them.

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

/// A public key in the form of RFC 7517.
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

/// The body of `GET /user/jwks`.
#[derive(Debug, Serialize)]
pub struct KeySet<'a> {
    keys: [&'a Jwk; 1],
}

/// Why a key is missing or unusable. Never shows the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The host has no randomness.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The host's randomness is not random.
    #[error("the source of randomness repeats a number that is not a key")]
    NotRandom,
    /// A text is not the PKCS#8 PEM of a P-256 key.
    #[error("expected the PKCS#8 PEM of an EC key on P-256 (prime256v1); {hint} ({cause})")]
    NotPem {
        /// The actual format of the text.
        hint: &'static str,
        /// Why it cannot be read.
        cause: p256::pkcs8::Error,
    },
    /// The key cannot be written as PKCS#8.
    #[error("the key cannot be encoded: {0}")]
    Encoding(p256::pkcs8::Error),
    /// The public half cannot be used to verify.
    #[error("the public key cannot be used: {0}")]
    PublicKey(#[source] jsonwebtoken::errors::Error),
}

/// Never shows the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid())
    }
}

impl SigningKey {
    /// A new random key.
    pub fn generate() -> Result<Self, KeyError> {
        let mut scalar = [0_u8; 32];
        // Nearly every 256-bit number is a valid key. One in 2^32 is not, and is replaced by a second draw.
        for _ in 0..4 {
            getrandom::fill(&mut scalar).map_err(KeyError::Randomness)?;
            if let Ok(secret) = SecretKey::from_slice(&scalar) {
                return Ok(Self::new(secret));
            }
        }
        Err(KeyError::NotRandom)
    }

    /// Reads PKCS#8 PEM. Errors: [`KeyError::NotPem`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        // Line ends become `\n` in a variable that passed through one line of a file or a shell.
        let pem = pem.trim().replace("\\n", "\n");
        SecretKey::from_pkcs8_pem(&pem)
            .map(Self::new)
            .map_err(|cause| KeyError::NotPem {
                hint: match pem.lines().next().unwrap_or_default() {
                    "-----BEGIN PRIVATE KEY-----" => "it is PKCS#8, but holds no P-256 key",
                    "-----BEGIN EC PRIVATE KEY-----" => {
                        "it is SEC1 (convert it: openssl pkcs8 -topk8 -nocrypt)"
                    }
                    "-----BEGIN ENCRYPTED PRIVATE KEY-----" => {
                        "it is encrypted (decrypt it: openssl pkcs8)"
                    }
                    _ => "it does not begin with -----BEGIN PRIVATE KEY-----",
                },
                cause,
            })
    }

    fn new(secret: SecretKey) -> Self {
        let point = secret.public_key().to_encoded_point(false);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let x = encode(point.x().map_or(&[][..], |x| x));
        let y = encode(point.y().map_or(&[][..], |y| y));
        // RFC 7638: the required members in the order of their names, without white space.
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

    /// The key's id: its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.jwk.kid
    }

    /// The key as PKCS#8 PEM, to store it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.secret
            .to_pkcs8_pem(LineEnding::LF)
            .map(|pem| pem.to_string())
            .map_err(KeyError::Encoding)
    }

    /// The public half.
    pub fn key_set(&self) -> KeySet<'_> {
        KeySet { keys: [&self.jwk] }
    }

    /// For signing.
    pub fn encoding_key(&self) -> Result<EncodingKey, KeyError> {
        let der = self.secret.to_pkcs8_der().map_err(KeyError::Encoding)?;
        Ok(EncodingKey::from_ec_der(der.as_bytes()))
    }

    /// For verifying.
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
        // Private key 1 is the curve's base point (SEC 2: 6b17d1f2..., 4fe342e2...). The thumbprint comes from another program.
        assert_eq!(key.jwk.x, "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY");
        assert_eq!(key.jwk.y, "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
        assert_eq!(key.kid(), "xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M");
    }

    #[test]
    fn a_key_that_is_written_and_read_is_the_same() {
        let key = SigningKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        assert_eq!(SigningKey::from_pem(&pem).unwrap().kid(), key.kid());
        let one_line = pem.replace('\n', "\\n");
        assert_eq!(SigningKey::from_pem(&one_line).unwrap().kid(), key.kid());
        assert_ne!(SigningKey::generate().unwrap().kid(), key.kid());
    }

    #[test]
    fn an_error_names_what_a_wrong_key_is_and_does_not_show_it() {
        // A key of this curve whose algorithm names another one: OID 1.2.840.10045.3.1.6 in place of ...7.
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
        for (pem, word) in [
            ("nonsense", "does not begin with"),
            (
                "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
                "SEC1",
            ),
            (other.as_str(), "holds no P-256 key"),
        ] {
            let fault = SigningKey::from_pem(pem).unwrap_err().to_string();
            assert!(
                fault.contains(word) && !fault.contains("nonsense"),
                "{fault}"
            );
        }
    }
}
