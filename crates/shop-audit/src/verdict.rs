//! The result of an audit.

use serde::Serialize;

use crate::judgement::{Breach, Judgement};

/// The result of an audit of the whole shop.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether there is no breach.
    pub sound: bool,
    /// When the last snapshot began, RFC 3339.
    pub at: String,
    /// Duration of the audit with all its snapshots, in seconds.
    pub seconds: f64,
    /// Number of snapshots.
    pub looks: u32,
    /// The third parties' books that were compared with the shop's. Without them, the verdict depends only on the shop's own records.
    pub books: Vec<&'static str>,
    /// Messages that notification gave up. They are not a breach: an address may be permanently wrong.
    pub given_up: u64,
    /// By invariant, in the order of [`INVARIANTS`](crate::INVARIANTS).
    pub judgements: Vec<Judgement>,
}

impl Verdict {
    /// All breaches, each with its invariant's name.
    pub fn breaches(&self) -> impl Iterator<Item = (&'static str, &Breach)> {
        self.judgements
            .iter()
            .flat_map(|j| j.breaches.iter().map(|breach| (j.invariant, breach)))
    }
}
