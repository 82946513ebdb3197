//! The result of an audit.

use serde::Serialize;

use crate::judgement::{Breach, Judgement};

/// The result of an audit of the whole shop.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// True if the audit found no breach.
    pub sound: bool,
    /// When the audit's last snapshot began, as an RFC 3339 timestamp.
    pub at: String,
    /// Duration of the audit with all its snapshots, in seconds.
    pub seconds: f64,
    /// Number of snapshots that the audit took.
    pub snapshots: u32,
    /// The same number as `snapshots`, under the name that this field had in stoa 0.1. stoa 0.3 removes this copy.
    pub looks: u32,
    /// The third parties' records that were compared with the shop's records: the card processor's ledger and the carrier's book.
    /// If the list is empty, the verdict depends only on the shop's own records.
    pub books: Vec<&'static str>,
    /// Number of messages that the component `notification` gave up. Such a message is not a breach, because its address may be
    /// permanently wrong.
    pub given_up: u64,
    /// The result for each invariant, in the order of [`INVARIANTS`](crate::INVARIANTS).
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
