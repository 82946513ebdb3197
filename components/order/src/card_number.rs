//! Detects card numbers in input. The shop never accepts card numbers, and a card number that was sent by mistake must not appear
//! in a log or in a response.

use stoa_service::Invalid;

/// Whether `text` contains a sequence of 13 to 19 digits. The digits may have single spaces or hyphens between them.
pub fn holds_card_number(text: &str) -> bool {
    let (mut digits, mut gap) = (0, true);
    // The additional `.` ends a sequence of digits at the end of the text.
    for character in text.chars().chain(['.']) {
        if character.is_ascii_digit() {
            digits += 1;
            gap = false;
        } else if matches!(character, ' ' | '-') && !gap {
            gap = true;
        } else {
            if (13..=19).contains(&digits) {
                return true;
            }
            (digits, gap) = (0, true);
        }
    }
    false
}

/// The error for a card number in `field`. The error does not contain the number.
pub fn rejected(field: &str) -> Invalid {
    Invalid::new(format!(
        "{field}: contains text that looks like a card number; send a card token, such as tok_visa"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_thirteen_to_nineteen_digits_are_a_card_number() {
        for yes in [
            "4111111111111",
            "x 4111 1111 1111 1111 y",
            "1234567890123456789",
        ] {
            assert!(holds_card_number(yes), "{yes}");
        }
        for no in [
            "",
            "123456789012",
            "12345678901234567890",
            "tok_visa",
            "123456  7890123",
        ] {
            assert!(!holds_card_number(no), "{no}");
        }
        assert!(!holds_card_number("4111x1111x1111x1111"));
    }
}
