//! What an audit comes to.

use serde::Serialize;

use crate::invariants::Invariant;

/// What was found in the whole shop.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether nothing is in breach.
    pub sound: bool,
    /// When the last look began, RFC 3339.
    pub at: String,
    /// How long it took with all looks, in seconds.
    pub seconds: f64,
    /// How often it looked.
    pub looks: u32,
    /// The third parties' books that the shop's were held against. Without them it is the shop's word alone.
    pub books: Vec<&'static str>,
    /// How many messages notification gave up for good: no breach, since an address may be wrong for ever.
    pub given_up: u64,
    /// By invariant, in the order of [`INVARIANTS`](crate::INVARIANTS).
    pub judgements: Vec<Judgement>,
}

/// What was found of one invariant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// Its name, such as `confirmed-is-paid`.
    pub invariant: &'static str,
    /// What it says.
    pub means: &'static str,
    /// How many orders, SKUs and so on were held against it at the last look. What was moving is not among them.
    pub checked: u64,
    /// How many looked wrong, and were right a moment later, or came up too late to be looked at again.
    pub settled: u64,
    /// What is wrong.
    pub breaches: Vec<Breach>,
}

/// Something that should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// What it is about: `order 0198...`, `SKU COF-001`.
    pub subject: String,
    /// What should be.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl Verdict {
    /// All breaches, each with its invariant's name.
    pub fn breaches(&self) -> impl Iterator<Item = (&'static str, &Breach)> {
        self.judgements
            .iter()
            .flat_map(|j| j.breaches.iter().map(|breach| (j.invariant, breach)))
    }
}

impl Judgement {
    pub(crate) fn new(invariant: &Invariant) -> Self {
        Self {
            invariant: invariant.name,
            means: invariant.means,
            checked: 0,
            settled: 0,
            breaches: Vec::new(),
        }
    }

    /// Something was held against the invariant.
    pub(crate) fn look(&mut self) {
        self.checked += 1;
    }

    /// Something is not as it should be.
    pub(crate) fn fault(
        &mut self,
        subject: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.breaches.push(Breach {
            subject: subject.into(),
            expected: expected.into(),
            found: found.into(),
        });
    }

    /// Whether `subject` is not as it should be.
    pub(crate) fn accuses(&self, subject: &str) -> bool {
        self.breaches.iter().any(|b| b.subject == subject)
    }
}
