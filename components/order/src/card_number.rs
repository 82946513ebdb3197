//! Card numbers, which this shop never accepts: a card number sent by mistake must not appear in a log or in a response.

use stoa_service::Invalid;

/// Whether the text has 13 to 19 digits in a row, with at most single spaces or hyphens between them.
pub fn holds_card_number(text: &str) -> bool {
    let (mut digits, mut gap) = (0, true);
    // The end of the text counts as one more character that is not a digit.
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

/// The error for a card number in `field`; it does not repeat the number.
pub fn rejected(field: &str) -> Invalid {
    Invalid::new(format!(
        "{field}: holds what looks like a card number; send a card token, such as tok_visa"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirteen_to_nineteen_digits_are_a_card_number_and_nothing_else_is() {
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
