//! Passwords: argon2id, kept in the PHC string format, which names its own parameters.

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

/// The hash of a password that nobody knows, of the same cost as every other: what a log-in with an unknown address is
/// checked against, so that it takes as long as one with a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$4lBLRzUDRizK4FKA4K/v2g$AwRjUtCC12q1QEW3hAUr3VDfgTk40EWWNEpbsUpg/eM";

/// A password as it came, of any length. Cannot be shown or written.
#[derive(PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// The characters, for [`Passwords`] alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The same for every way in which a keyboard composes a letter: NFKC, as NIST SP 800-63B asks before hashing.
    pub fn normalized(&self) -> Self {
        Self(self.0.nfkc().collect())
    }
}

/// Hashes and checks passwords.
pub trait Passwords {
    /// The PHC string to keep.
    fn hash(&self, password: &Password) -> Result<String, String>;

    /// Whether `password` is the one of `hash`; `Err` where `hash` cannot be read.
    fn verify(&self, password: &Password, hash: &str) -> Result<bool, String>;
}

/// Checks `password` against the hash of an account, if there is one: the same work either way.
pub fn check(
    passwords: &dyn Passwords,
    password: &Password,
    hash: Option<&str>,
) -> Result<bool, String> {
    let kept = hash.unwrap_or(NOBODY);
    let normalized = password.normalized();
    let mut fits = passwords.verify(&normalized, kept)?;
    // Earlier releases hashed a password as it was typed.
    if !fits && normalized != *password {
        fits = passwords.verify(password, kept)?;
    }
    Ok(fits && hash.is_some())
}

/// argon2id with the parameters of this module.
pub struct Argon2id;

fn argon2id() -> Result<Argon2<'static>, String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| e.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

impl Passwords for Argon2id {
    fn hash(&self, password: &Password) -> Result<String, String> {
        let mut bytes = [0_u8; Salt::RECOMMENDED_LENGTH];
        getrandom::fill(&mut bytes).map_err(|e| format!("no randomness: {e}"))?;
        let salt = SaltString::encode_b64(&bytes).map_err(|e| e.to_string())?;
        argon2id()?
            .hash_password(password.0.as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(|e| e.to_string())
    }

    fn verify(&self, password: &Password, hash: &str) -> Result<bool, String> {
        use argon2::password_hash::Error;
        let hash = PasswordHash::new(hash).map_err(|e| e.to_string())?;
        match argon2id()?.verify_password(password.0.as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(Error::Password) => Ok(false),
            Err(error) => Err(error.to_string()),
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
    fn a_hash_names_its_cost_and_fits_its_own_password_only() {
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
        // An account of before.
        let hash = Argon2id.hash(&decomposed).unwrap();
        assert_eq!(check(&Argon2id, &decomposed, Some(&hash)), Ok(true));
    }

    #[test]
    fn the_hash_of_nobody_costs_what_others_cost_and_lets_nobody_in() {
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        let hash = Argon2id.hash(&password("correct horse")).unwrap();
        assert_eq!(cost(NOBODY), cost(&hash));
        assert_eq!(NOBODY.len(), hash.len());
        assert_eq!(
            check(&Argon2id, &password("correct horse"), None),
            Ok(false)
        );
    }

    #[test]
    fn is_never_shown() {
        assert_eq!(format!("{:?}", password("correct horse")), "Password");
    }
}
