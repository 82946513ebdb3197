//! The names a manifest may give, as Spin has them.

/// `kebab-case`: segments of letters and digits, each beginning with a letter, none mixing cases.
pub(crate) fn is_kebab(name: &str) -> bool {
    name.split('-').all(segment)
}

/// `lower_snake_case`: segments of lower-case letters and digits, each beginning with a letter.
pub(crate) fn is_lower_snake(name: &str) -> bool {
    name.split('_').all(segment) && !name.contains(|c: char| c.is_ascii_uppercase())
}

/// The label of a store or database: kebab or snake case.
pub(crate) fn is_label(name: &str) -> bool {
    is_kebab(name) || name.split('_').all(segment)
}

/// What a component imports: `package:name/interface@1.0.0`, `package:name@1.0.0` or a plain name.
pub(crate) fn is_interface(name: &str) -> bool {
    let (path, version) = name
        .split_once('@')
        .map_or((name, None), |(path, version)| (path, Some(version)));
    let version_is_fine = version.is_none_or(|version| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && version
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-+.".contains(c))
    });
    let path_is_fine = match path.split_once(':') {
        Some((namespace, rest)) => {
            is_kebab(namespace) && rest.split('/').count() <= 2 && rest.split('/').all(is_kebab)
        }
        None => version.is_none() && is_kebab(path),
    };
    version_is_fine && path_is_fine
}

fn segment(segment: &str) -> bool {
    segment.starts_with(|c: char| c.is_ascii_alphabetic())
        && (segment
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            || segment
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
}
