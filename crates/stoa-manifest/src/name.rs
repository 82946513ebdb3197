//! The rules for names in a manifest. They are the same as Spin's rules.

/// `kebab-case`: segments of letters and digits. Each segment begins with a letter, and does not mix upper and lower case.
pub(crate) fn is_kebab(name: &str) -> bool {
    name.split('-').all(is_segment)
}

/// `lower_snake_case`: segments of lower-case letters and digits. Each segment begins with a letter.
pub(crate) fn is_lower_snake(name: &str) -> bool {
    name.split('_').all(is_segment) && !name.contains(|c: char| c.is_ascii_uppercase())
}

/// The label of a store or database: `kebab-case` or `snake_case`.
pub(crate) fn is_label(name: &str) -> bool {
    is_kebab(name) || name.split('_').all(is_segment)
}

/// The name of an import: `package:name/interface@1.0.0`, `package:name@1.0.0` or a plain name.
pub(crate) fn is_interface(name: &str) -> bool {
    let (path, version) = name
        .split_once('@')
        .map_or((name, None), |(path, version)| (path, Some(version)));
    let is_valid_version = version.is_none_or(is_version);
    let is_valid_path = match path.split_once(':') {
        Some((namespace, rest)) => {
            is_kebab(namespace) && rest.split('/').count() <= 2 && rest.split('/').all(is_kebab)
        }
        None => version.is_none() && is_kebab(path),
    };
    is_valid_version && is_valid_path
}

/// A version: three numbers, with an optional suffix for a pre-release and a build, such as `1.0.0-rc.1+2`.
fn is_version(version: &str) -> bool {
    let (numbers, rest) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
    let number = |number: &str| {
        number.bytes().all(|b| b.is_ascii_digit())
            && !number.is_empty()
            && (number == "0" || !number.starts_with('0'))
    };
    numbers.split('.').count() == 3
        && numbers.split('.').all(number)
        && rest
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-+.".contains(c))
}

fn is_segment(segment: &str) -> bool {
    segment.starts_with(|c: char| c.is_ascii_alphabetic())
        && (segment
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            || segment
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
}
