//! The type of an invariant.

use crate::judgement::Judgement;
use crate::options::Options;
use crate::snapshot::Snapshot;

/// A condition that always holds in a sound shop.
#[derive(Debug)]
pub struct Invariant {
    /// The invariant's name in tables and metrics, such as `charged-once`.
    pub name: &'static str,
    /// The condition as a sentence, for tables.
    pub means: &'static str,
    /// The function that checks a snapshot. It adds the checked records and the breaches to the judgement.
    pub(crate) check: fn(&Snapshot, &Options, &mut Judgement),
}

impl Invariant {
    /// Checks a snapshot, and returns the result.
    pub(crate) fn judge(&self, snapshot: &Snapshot, options: &Options) -> Judgement {
        let mut judgement = Judgement::new(self.name, self.means);
        (self.check)(snapshot, options, &mut judgement);
        judgement
    }
}
