//! The types and rules of this service. The functions are pure: they do no input or output. Every error names the field, and an
//! error for a password does not show the password.

use serde::Serialize;
use stoa_service::{Invalid, text};
use uuid::Uuid;

/// The maximum length of an e-mail address, in characters. RFC 5321 limits an address with its angle brackets to 256.
pub const MAX_EMAIL_CHARS: usize = 254;
/// The allowed length of a password, in characters.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;
/// The maximum length of a name, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// An account as the API shows it to its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The account's id, and the claim `sub` of its tokens.
    pub user_id: Uuid,
    /// The e-mail address in lower case. An address has only one account.
    pub email: String,
    /// The name for the salutation in messages.
    pub name: String,
    /// The phone number in E.164 format, such as `+4915112345678`; `None` if the owner has not set a number.
    pub phone: Option<String>,
    /// The creation time in RFC 3339 format.
    pub created_at: String,
}

/// Parses an e-mail address, and returns it in lower case and without surrounding blanks. Addresses are compared in this form. An
/// address has one `@` with text on both sides, 3 to [`MAX_EMAIL_CHARS`] characters, and no white space or control characters.
pub fn parse_email(text: &str) -> Result<String, Invalid> {
    let email = text.trim_matches(' ').to_lowercase();
    let mut parts = email.split('@');
    let has_two_parts = parts.next().is_some_and(|p| !p.is_empty())
        && parts.next().is_some_and(|p| !p.is_empty())
        && parts.next().is_none();
    if !has_two_parts
        || email.chars().count() > MAX_EMAIL_CHARS
        || email.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(Invalid::new(format!(
            "email: `{}` is not an address with one @, without spaces, and with 3 to {MAX_EMAIL_CHARS} characters",
            quote(text)
        )));
    }
    Ok(email)
}

/// Checks that the length of a new password is in [`PASSWORD_CHARS`]. So a password has at most 512 bytes (128 characters of 4
/// bytes).
pub fn check_password(password: &str) -> Result<(), Invalid> {
    let length = password.chars().count();
    if PASSWORD_CHARS.contains(&length) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "password: has {length} characters, expected {} to {}",
        PASSWORD_CHARS.start(),
        PASSWORD_CHARS.end()
    )))
}

/// Parses a name, and returns it without surrounding spaces. A name has 1 to [`MAX_NAME_CHARS`] characters. Control characters are
/// not allowed, even around the name.
pub fn parse_name(text: &str) -> Result<String, Invalid> {
    let name = text.trim();
    let length = name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&length) || text.chars().any(char::is_control) {
        return Err(Invalid::new(format!(
            "name: `{}` is not valid; expected 1 to {MAX_NAME_CHARS} characters and no control characters",
            quote(text)
        )));
    }
    Ok(name.to_owned())
}

/// Checks a phone number in E.164 format: `+`, and then 7 to 15 digits. The first digit is not 0.
pub fn parse_phone(text: &str) -> Result<String, Invalid> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    if (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0')
    {
        return Ok(text.to_owned());
    }
    Err(Invalid::new(format!(
        "phone: `{}` is not in E.164 format, such as +4915112345678",
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
    fn an_address_is_converted_to_lower_case_and_trimmed() {
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
    fn accepts_only_numbers_in_e164_format() {
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
