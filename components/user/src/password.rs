//! Hashes and checks passwords with argon2id. Hashes are stored in the PHC string format, which contains the parameters of the
//! hash.

use std::fmt;

use argon2::password_hash::{PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

/// The memory that argon2id uses for one hash, in KiB (19 MiB).
pub const MEMORY_KIB: u32 = 19_456;
/// The number of argon2id's passes over the memory.
pub const PASSES: u32 = 2;
/// The number of argon2id's parallel lanes. It is 1, because a component has one thread.
pub const LANES: u32 = 1;

/// A hash that matches no known password and costs as much as every other hash. If a log-in names an e-mail address without an
/// account, its password is checked against this hash. So the log-in takes as long as a log-in with a wrong password.
const DECOY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$4lBLRzUDRizK4FKA4K/v2g$AwRjUtCC12q1QEW3hAUr3VDfgTk40EWWNEpbsUpg/eM";

/// A password as it was typed, of any length. The type never prints the password, and cannot be serialized.
#[derive(PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// Returns the password's text, for checks and hashing only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the password normalized to NFKC, as NIST SP 800-63B requires before hashing. The result does not depend on the way
    /// in which a keyboard composes letters.
    pub fn normalized(&self) -> Self {
        Self(self.0.nfkc().collect())
    }
}

/// The reason why a password cannot be hashed or checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The host cannot supply random numbers for a salt.
    #[error("cannot get random numbers from the host: {0}")]
    Randomness(getrandom::Error),
    /// The stored hash cannot be read, or argon2id fails.
    #[error("cannot hash or check a password with argon2id: {0}")]
    Hash(argon2::password_hash::Error),
}

impl From<argon2::password_hash::Error> for PasswordError {
    fn from(error: argon2::password_hash::Error) -> Self {
        Self::Hash(error)
    }
}

/// Hashes and checks passwords. Tests use an implementation that is faster than argon2id.
pub trait Passwords {
    /// Hashes a password. Returns the PHC string to store.
    fn hash(&self, password: &Password) -> Result<String, PasswordError>;

    /// Returns whether `hash` is the hash of `password`.
    fn verify(&self, password: &Password, hash: &str) -> Result<bool, PasswordError>;
}

/// Returns whether `password` is the password of the account with this `hash`. `hash` is `None` if there is no account; then the
/// function does the same work, and returns false.
pub fn check(
    passwords: &dyn Passwords,
    password: &Password,
    hash: Option<&str>,
) -> Result<bool, PasswordError> {
    let stored = hash.unwrap_or(DECOY_HASH);
    let normalized = password.normalized();
    let mut is_right = passwords.verify(&normalized, stored)?;
    // Earlier releases hashed passwords without normalization, so the password as typed is checked, too.
    if !is_right && normalized != *password {
        is_right = passwords.verify(password, stored)?;
    }
    Ok(is_right && hash.is_some())
}

/// The argon2id algorithm with the parameters of this module.
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
    fn a_hash_contains_its_cost_and_matches_only_its_own_password() {
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
        // Earlier releases stored hashes of passwords that were not normalized.
        let hash = Argon2id.hash(&decomposed).unwrap();
        assert_eq!(check(&Argon2id, &decomposed, Some(&hash)), Ok(true));
    }

    #[test]
    fn the_decoy_hash_has_the_same_cost_as_other_hashes_and_never_matches() {
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
