//! Reads JSON numbers.

use nojson::RawJsonValue;

/// Reads a whole number. Returns `None` if the value is not a whole number. The notations `1e6` and `10.0` are accepted too,
/// because a program that forwards a configuration may use them.
pub fn read_whole(value: RawJsonValue<'_, '_>) -> Option<i64> {
    let text = value.as_number_str().ok()?;
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    // An `f64` represents every whole number up to 2^53 exactly.
    let number = read_decimal(text)?;
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    exact.then_some(number as i64)
}

/// Reads a JSON number with at most 15 digits and an exponent from -22 to 22. Within these limits, every step is exact, except that
/// the last division rounds (Clinger, "How to Read Floating Point Numbers Accurately", 1990). `str::parse` has no such limits, but
/// would add 22 KB of code and tables to a filter.
pub(crate) fn read_decimal(text: &str) -> Option<f64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut split = text.splitn(2, ['e', 'E']);
    let (digits, exponent) = (split.next()?, split.next());
    let mut exponent: i32 = match exponent {
        Some(exponent) => exponent.parse().ok()?,
        None => 0,
    };
    let (mut mantissa, mut fraction) = (0_u64, false);
    for b in digits.bytes() {
        match b {
            b'.' => fraction = true,
            _ if mantissa > 99_999_999_999_999 => return None,
            _ => {
                mantissa = mantissa * 10 + u64::from(b.wrapping_sub(b'0'));
                exponent = exponent.checked_sub(i32::from(fraction))?;
            }
        }
    }
    let mut power = 1.0;
    if exponent.unsigned_abs() > 22 {
        return None;
    }
    for _ in 0..exponent.unsigned_abs() {
        power *= 10.0;
    }
    let number = match exponent < 0 {
        true => mantissa as f64 / power,
        false => mantissa as f64 * power,
    };
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_decimal_agrees_with_the_standard_library() {
        for text in [
            "0",
            "-0",
            "0.5",
            "12.25",
            "1e3",
            "1.5E+2",
            "2e-3",
            "-7.125",
            "123456789012345",
            "0.000001",
        ] {
            assert_eq!(read_decimal(text), text.parse().ok(), "{text}");
        }
        for text in ["1234567890123456", "1e23", "1e-23", "1e99999999999"] {
            assert_eq!(read_decimal(text), None, "{text}");
        }
    }
}
