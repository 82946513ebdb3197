//! Finds the Envoy that a name means.

use super::envoy::Envoy;
use super::error::InspectError;

/// Similarity, from 0 to 1, at which a name becomes a suggestion.
const LEAST_SIMILARITY: f64 = 0.75;
/// Maximum number of suggestions.
const SUGGESTIONS: usize = 3;

/// The Envoy of this workload: `bookinfo/ratings-v1-0`, `ratings-v1-0`, `ratings-v1-0.bookinfo`, or an unambiguous beginning of its
/// name, such as `ratings-v1` or `ratings`.
///
/// # Errors
/// If no workload has this name, or more than one.
pub fn find<'a>(envoys: &'a [Envoy], name: &str) -> Result<&'a Envoy, InspectError> {
    let full = |envoy: &Envoy| {
        let (namespace, pod) = split(&envoy.name);
        envoy.name == name || pod == name || format!("{pod}.{namespace}") == name
    };
    let begins = |envoy: &Envoy| {
        let (_, pod) = split(&envoy.name);
        let rest = pod.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('-')) && !name.is_empty()
    };
    let mut found: Vec<_> = envoys.iter().filter(|envoy| full(envoy)).collect();
    if found.is_empty() {
        found = envoys.iter().filter(|envoy| begins(envoy)).collect();
    }
    match found.as_slice() {
        [envoy] => Ok(envoy),
        [] => Err(InspectError::Unknown {
            name: name.to_owned(),
            near: near(name, envoys.iter().map(|envoy| envoy.name.as_str())),
            all: envoys.iter().map(|envoy| envoy.name.clone()).collect(),
        }),
        several => Err(InspectError::Ambiguous {
            name: name.to_owned(),
            of: several.iter().map(|envoy| envoy.name.clone()).collect(),
        }),
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}

/// The most similar names.
pub(super) fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let asked = split(name).1;
    let alike = |known: &'a str| {
        let pod = split(known).1;
        let mut best = strsim::jaro_winkler(asked, pod);
        // A name matches equally well without its release and number.
        let mut short = pod;
        while let Some((shorter, _)) = short.rsplit_once('-') {
            best = best.max(strsim::jaro_winkler(asked, shorter));
            short = shorter;
        }
        if !asked.is_empty() && pod.contains(asked) {
            best = 1.0;
        }
        (best, known)
    };
    let mut names: Vec<_> = names
        .map(alike)
        .filter(|(best, _)| *best >= LEAST_SIMILARITY)
        .collect();
    names.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    let names = names.into_iter().take(SUGGESTIONS);
    names.map(|(_, name)| name.to_owned()).collect()
}
