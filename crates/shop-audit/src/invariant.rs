//! The type of an invariant.

use crate::judgement::Judgement;
use crate::options::Options;
use crate::snapshot::Snapshot;

/// A condition that always holds in a sound shop.
#[derive(Debug)]
pub struct Invariant {
    /// Its name, in tables and metrics.
    pub name: &'static str,
    /// The condition in words.
    pub means: &'static str,
    /// Checks a snapshot, and adds the result to the judgement.
    pub(crate) check: fn(&Snapshot, &Options, &mut Judgement),
}

impl Invariant {
    /// Checks a snapshot.
    pub(crate) fn judge(&self, snapshot: &Snapshot, options: &Options) -> Judgement {
        let mut judgement = Judgement::new(self.name, self.means);
        (self.check)(snapshot, options, &mut judgement);
        judgement
    }
}
