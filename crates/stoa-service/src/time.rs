//! Instants are milliseconds since the Unix epoch, in code and in the databases. Responses show them as RFC 3339 in UTC.

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// The current time by the wall clock.
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// Writes an instant as RFC 3339: `1766000000000` becomes `2025-12-17T19:33:20Z`. A fraction is written only if it is not zero.
pub fn rfc3339(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map(|t| t.to_string())
        .unwrap_or_else(|_| "out of range".to_owned())
}

/// Reads an instant in the format of RFC 3339 (section 5.6): `2026-11-29T09:30:00Z`, optionally with a fraction or an offset of
/// hours and minutes. Other formats of ISO 8601 are rejected.
pub fn parse(text: &str) -> Option<Millis> {
    is_rfc3339(text.as_bytes())
        .then(|| text.parse::<jiff::Timestamp>().ok())?
        .map(|instant| instant.as_millisecond())
}

/// True if the text has the format of RFC 3339. jiff checks the values afterwards, but also accepts other formats.
fn is_rfc3339(text: &[u8]) -> bool {
    // In `form`, `0` stands for any digit.
    let matches = |text: &[u8], form: &str| {
        text.len() == form.len()
            && text
                .iter()
                .zip(form.bytes())
                .all(|(byte, form)| match form {
                    b'0' => byte.is_ascii_digit(),
                    b'T' => byte.eq_ignore_ascii_case(&b'T'),
                    form => *byte == form,
                })
    };
    let Some((seconds, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let offset = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
        None => rest,
    };
    matches(seconds, "0000-00-00T00:00:00")
        && (offset.eq_ignore_ascii_case(b"Z")
            || matches(offset, "+00:00")
            || matches(offset, "-00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_accepted_and_other_formats_of_iso_8601_are_rejected() {
        for good in [
            "2026-11-29T09:30:00Z",
            "2026-11-29T09:30:00.5Z",
            "2026-11-29T09:30:00.123456789+02:00",
            "2026-11-29t09:30:00z",
            "2026-11-29T09:30:00-05:30",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "20261129T093000Z",
            "2026-11-29T09:30Z",
            "2026-11-29T09:30:00",
            "2026-11-29T09:30:00+02",
            "2026-11-29T09:30:00+0200",
            "2026-11-29T09:30:00Z[Europe/Berlin]",
            "2026-11-29T09:30:00[UTC]",
            "+002026-11-29T09:30:00Z",
            "2026-11-29 09:30:00Z",
            "2026-11-29T09:30:00.Z",
            "2026-11-29T09:30:00,5Z",
            "2026-13-29T09:30:00Z",
            "2026-11-29T24:30:00Z",
            "2026-11-29T09:30:00Z ",
            "\u{ff12}026-11-29T09:30:00Z",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_written_instant_is_read_back_unchanged() {
        for millis in [0, 1_766_000_000_000, 1_766_000_000_123, -1] {
            assert_eq!(parse(&rfc3339(millis)), Some(millis));
        }
    }
}
