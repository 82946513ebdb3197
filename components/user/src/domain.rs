//! Types and rules, pure. Every error names the field; an error for a password does not show the password.

use serde::Serialize;
use stoa_service::{Invalid, text};
use uuid::Uuid;

/// The longest e-mail address, in characters (RFC 5321, a path of 256 with its brackets).
pub const MAX_EMAIL: usize = 254;
/// The length of a password, in characters.
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;
/// The longest name, in characters.
pub const MAX_NAME: usize = 100;

/// An account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The account's id; `sub` of a token.
    pub user_id: Uuid,
    /// In lower case; one account per address.
    pub email: String,
    /// The name for the salutation.
    pub name: String,
    /// E.164, such as `+4915112345678`.
    pub phone: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// The address in lower case and without surrounding blanks: the form in which addresses are compared. One `@` with text on both
/// sides, 3 to [`MAX_EMAIL`] characters, no white space inside and no control characters.
pub fn parse_email(text: &str) -> Result<String, Invalid> {
    let email = text.trim_matches(' ').to_lowercase();
    let mut parts = email.split('@');
    let halves = parts.next().is_some_and(|p| !p.is_empty())
        && parts.next().is_some_and(|p| !p.is_empty())
        && parts.next().is_none();
    if !halves
        || email.chars().count() > MAX_EMAIL
        || email.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(Invalid::new(format!(
            "email: `{}` is not an address of 3 to {MAX_EMAIL} characters with one @ and no spaces",
            quote(text)
        )));
    }
    Ok(email)
}

/// Checks a new password: [`PASSWORD_LENGTH`] characters, so 512 bytes at most.
pub fn check_password(password: &str) -> Result<(), Invalid> {
    let length = password.chars().count();
    if PASSWORD_LENGTH.contains(&length) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "password: has {length} characters, expected {} to {}",
        PASSWORD_LENGTH.start(),
        PASSWORD_LENGTH.end()
    )))
}

/// The name without surrounding spaces: 1 to [`MAX_NAME`] characters, no control characters anywhere.
pub fn parse_name(text: &str) -> Result<String, Invalid> {
    let name = text.trim();
    let length = name.chars().count();
    if !(1..=MAX_NAME).contains(&length) || text.chars().any(char::is_control) {
        return Err(Invalid::new(format!(
            "name: `{}` is not 1 to {MAX_NAME} characters without control characters",
            quote(text)
        )));
    }
    Ok(name.to_owned())
}

/// A number in the form of E.164: `+`, then 7 to 15 digits, the first of which is not 0.
pub fn parse_phone(text: &str) -> Result<String, Invalid> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    if (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0')
    {
        return Ok(text.to_owned());
    }
    Err(Invalid::new(format!(
        "phone: `{}` is not in the form of E.164, such as +4915112345678",
        quote(text)
    )))
}

fn quote(text: &str) -> String {
    text::shorten(&text.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_lower_case() {
        assert_eq!(
            parse_email("Ann.Lee@Example.COM").unwrap(),
            "ann.lee@example.com"
        );
        assert_eq!(parse_email("a@b").unwrap(), "a@b");
        assert_eq!(
            parse_email("  ann@example.com ").unwrap(),
            "ann@example.com"
        );
        assert!(parse_email(&format!("{}@b", "a".repeat(252))).is_ok());
    }

    #[test]
    fn rejects_text_that_is_not_an_address() {
        let long = format!("{}@b", "a".repeat(253));
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b\n",
            "a\u{0}@b",
            "a@b\u{a0}",
            &long,
        ] {
            let error = parse_email(bad).unwrap_err().to_string();
            assert!(error.starts_with("email: "), "{bad:?}");
        }
    }

    #[test]
    fn counts_characters_not_bytes() {
        let password = |text: String| check_password(&text);
        assert!(password("ä".repeat(8)).is_ok());
        assert!(password("😀".repeat(128)).is_ok());
        let error = password("secret7".to_owned()).unwrap_err().to_string();
        assert!(error.contains("7 characters") && !error.contains("secret"));
        assert!(password("a".repeat(129)).is_err());
        assert!(parse_name(&"ä".repeat(100)).is_ok());
    }

    #[test]
    fn trims_a_name_and_rejects_an_empty_one() {
        assert_eq!(parse_name("  Ann Lee ").unwrap(), "Ann Lee");
        for bad in ["", "  ", "a\nb", "a\n", &"a".repeat(101)] {
            assert!(parse_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn takes_a_number_as_e164_writes_it() {
        assert!(parse_phone("+4915112345678").is_ok());
        for bad in [
            "",
            "+",
            "4915112345678",
            "+0151123456",
            "+49 151 123",
            "+123456",
            "+1234567890123456",
            "+४९१५११२३",
        ] {
            assert!(parse_phone(bad).is_err(), "{bad:?}");
        }
    }
}
