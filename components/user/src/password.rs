//! Passwords: argon2id, stored in the PHC string format, which names its own parameters.

use std::fmt;

use argon2::password_hash::{PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

/// Memory, in KiB: 19 MiB.
pub const MEMORY_KIB: u32 = 19_456;
/// Passes over the memory.
pub const PASSES: u32 = 2;
/// Lanes; a component has one thread.
pub const LANES: u32 = 1;

/// The hash of an unknown password, with the same cost as every other. A log-in with an unknown address is checked against
/// it, so that it takes as long as one with a wrong password.
const DECOY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$4lBLRzUDRizK4FKA4K/v2g$AwRjUtCC12q1QEW3hAUr3VDfgTk40EWWNEpbsUpg/eM";

/// A password as typed, of any length. It can be neither printed nor serialized.
#[derive(PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// The characters, for checking or hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The password in NFKC, which NIST SP 800-63B requires before hashing. It is the same for every way in which a keyboard composes
    /// a letter.
    pub fn normalized(&self) -> Self {
        Self(self.0.nfkc().collect())
    }
}

/// Why a password cannot be hashed or checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The host has no randomness for a salt.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The stored hash cannot be read, or argon2 cannot run.
    #[error("argon2: {0}")]
    Hash(argon2::password_hash::Error),
}

impl From<argon2::password_hash::Error> for PasswordError {
    fn from(error: argon2::password_hash::Error) -> Self {
        Self::Hash(error)
    }
}

/// Hashes and checks passwords.
pub trait Passwords {
    /// Returns the PHC string to store.
    fn hash(&self, password: &Password) -> Result<String, PasswordError>;

    /// Whether `hash` is the hash of `password`.
    fn verify(&self, password: &Password, hash: &str) -> Result<bool, PasswordError>;
}

/// Checks `password` against the hash of an account, if there is one: the same work either way.
pub fn check(
    passwords: &dyn Passwords,
    password: &Password,
    hash: Option<&str>,
) -> Result<bool, PasswordError> {
    let stored = hash.unwrap_or(DECOY_HASH);
    let normalized = password.normalized();
    let mut is_right = passwords.verify(&normalized, stored)?;
    // Earlier releases hashed a password as it was typed.
    if !is_right && normalized != *password {
        is_right = passwords.verify(password, stored)?;
    }
    Ok(is_right && hash.is_some())
}

/// argon2id with the parameters of this module.
pub struct Argon2id;

fn argon2id() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

impl Passwords for Argon2id {
    fn hash(&self, password: &Password) -> Result<String, PasswordError> {
        let mut bytes = [0_u8; Salt::RECOMMENDED_LENGTH];
        getrandom::fill(&mut bytes).map_err(PasswordError::Randomness)?;
        let salt = SaltString::encode_b64(&bytes)?;
        let hash = argon2id()?.hash_password(password.0.as_bytes(), &salt)?;
        Ok(hash.to_string())
    }

    fn verify(&self, password: &Password, hash: &str) -> Result<bool, PasswordError> {
        use argon2::password_hash::Error;
        let hash = PasswordHash::new(hash)?;
        match argon2id()?.verify_password(password.0.as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(Error::Password) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password(text.to_owned())
    }

    #[test]
    fn a_hash_names_its_cost_and_matches_its_own_password_only() {
        let hash = Argon2id.hash(&password("correct horse")).unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(Argon2id.verify(&password("correct horse"), &hash), Ok(true));
        assert_eq!(
            Argon2id.verify(&password("Correct horse"), &hash),
            Ok(false)
        );
        assert_ne!(Argon2id.hash(&password("correct horse")).unwrap(), hash);
        assert!(Argon2id.verify(&password("x"), "plain").is_err());
    }

    #[test]
    fn a_password_is_the_same_however_its_letters_are_composed() {
        let (composed, decomposed) = (
            password("gr\u{fc}n-caf\u{e9}"),
            password("gru\u{308}n-cafe\u{301}"),
        );
        let hash = Argon2id.hash(&composed.normalized()).unwrap();
        for typed in [&composed, &decomposed] {
            assert_eq!(check(&Argon2id, typed, Some(&hash)), Ok(true));
        }
        assert_eq!(
            check(&Argon2id, &password("grun-cafe"), Some(&hash)),
            Ok(false)
        );
        // An account of an earlier release.
        let hash = Argon2id.hash(&decomposed).unwrap();
        assert_eq!(check(&Argon2id, &decomposed, Some(&hash)), Ok(true));
    }

    #[test]
    fn the_decoy_hash_costs_what_others_cost_and_matches_no_password() {
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        let hash = Argon2id.hash(&password("correct horse")).unwrap();
        assert_eq!(cost(DECOY_HASH), cost(&hash));
        assert_eq!(DECOY_HASH.len(), hash.len());
        assert_eq!(
            check(&Argon2id, &password("correct horse"), None),
            Ok(false)
        );
    }

    #[test]
    fn a_password_is_never_printed() {
        assert_eq!(format!("{:?}", password("correct horse")), "Password");
    }
}
