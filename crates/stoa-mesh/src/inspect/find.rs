//! Finds an Envoy by the name that a person typed.

use super::envoy::Envoy;
use super::error::InspectError;

/// Minimum similarity, from 0 to 1, of a suggested name.
const LEAST_SIMILARITY: f64 = 0.75;
/// Maximum number of suggestions.
const SUGGESTIONS: usize = 3;

/// The Envoy of a workload. The name can be `bookinfo/ratings-v1-0`, `ratings-v1-0`, `ratings-v1-0.bookinfo`, or an unambiguous
/// beginning, such as `ratings-v1` or `ratings`.
///
/// # Errors
/// If no workload matches the name, or if several workloads match it.
pub fn find<'a>(envoys: &'a [Envoy], name: &str) -> Result<&'a Envoy, InspectError> {
    let has_full_name = |envoy: &Envoy| {
        let (namespace, pod) = split(&envoy.name);
        envoy.name == name || pod == name || format!("{pod}.{namespace}") == name
    };
    let has_beginning = |envoy: &Envoy| {
        let (_, pod) = split(&envoy.name);
        let rest = pod.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('-')) && !name.is_empty()
    };
    let mut found: Vec<_> = envoys.iter().filter(|envoy| has_full_name(envoy)).collect();
    if found.is_empty() {
        found = envoys.iter().filter(|envoy| has_beginning(envoy)).collect();
    }
    match found.as_slice() {
        [envoy] => Ok(envoy),
        [] => Err(InspectError::Unknown {
            name: name.to_owned(),
            similar: similar_names(name, envoys.iter().map(|envoy| envoy.name.as_str())),
            all: envoys.iter().map(|envoy| envoy.name.clone()).collect(),
        }),
        several => Err(InspectError::Ambiguous {
            name: name.to_owned(),
            matches: several.iter().map(|envoy| envoy.name.clone()).collect(),
        }),
    }
}

/// Splits a workload's name into the namespace and the Pod. The namespace is empty if `name` does not contain a namespace.
fn split(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}

/// The names that are most similar to `name`. The most similar name is first.
pub(super) fn similar_names<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = split(name).1;
    let with_similarity = |known: &'a str| {
        let pod = split(known).1;
        let mut best = strsim::jaro_winkler(wanted, pod);
        // A Pod's name is also compared without the Pod's number, and without the release and the number. So `ratings` is similar
        // to `ratings-v1-0`.
        let mut short = pod;
        while let Some((shorter, _)) = short.rsplit_once('-') {
            best = best.max(strsim::jaro_winkler(wanted, shorter));
            short = shorter;
        }
        if !wanted.is_empty() && pod.contains(wanted) {
            best = 1.0;
        }
        (best, known)
    };
    let mut names: Vec<_> = names
        .map(with_similarity)
        .filter(|(best, _)| *best >= LEAST_SIMILARITY)
        .collect();
    names.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    let names = names.into_iter().take(SUGGESTIONS);
    names.map(|(_, name)| name.to_owned()).collect()
}
