//! Which Envoy is meant.

use super::envoy::Envoy;
use super::error::InspectError;

/// How alike names are that may have been meant, from 0 to 1.
const LEAST_SIMILARITY: f64 = 0.75;
/// How many of those are named.
const SUGGESTIONS: usize = 3;

/// The Envoy of this workload: `bookinfo/ratings-v1-0`, `ratings-v1-0`, `ratings-v1-0.bookinfo`, or the beginning of its name where no other
/// name begins so, `ratings-v1` and `ratings`.
///
/// # Errors
/// If none has this name, or more than one.
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

/// The names that are most like one.
pub(super) fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let asked = split(name).1;
    let alike = |known: &'a str| {
        let pod = split(known).1;
        let mut best = strsim::jaro_winkler(asked, pod);
        // Without its release and its number a name is as good.
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
