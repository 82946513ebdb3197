//! Instants as milliseconds since the Unix epoch (the databases' format), written as RFC 3339 in UTC.

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// The wall clock.
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// `1766000000000` -> `2025-12-17T19:33:20Z`; the fraction only if it is not zero.
pub fn rfc3339(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map(|t| t.to_string())
        .unwrap_or_else(|_| "out of range".to_owned())
}

/// Reads an RFC 3339 instant (section 5.6), and no other ISO 8601 form: `2026-11-29T09:30:00Z`, optionally with a fraction or an
/// offset of hours and minutes.
pub fn parse(text: &str) -> Option<Millis> {
    is_rfc3339(text.as_bytes())
        .then(|| text.parse::<jiff::Timestamp>().ok())?
        .map(|instant| instant.as_millisecond())
}

/// Whether the text has the form. jiff checks the values, and accepts more forms.
fn is_rfc3339(text: &[u8]) -> bool {
    // `0` stands for a digit.
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
    fn reads_rfc_3339_and_nothing_else_of_iso_8601() {
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
    fn writes_what_it_reads() {
        for millis in [0, 1_766_000_000_000, 1_766_000_000_123, -1] {
            assert_eq!(parse(&rfc3339(millis)), Some(millis));
        }
    }
}
