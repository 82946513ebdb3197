//! The result of checking one invariant.

use serde::Serialize;

/// The result of checking one invariant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The invariant's name, such as `confirmed-is-paid`.
    pub invariant: &'static str,
    /// The invariant in words.
    pub means: &'static str,
    /// Number of orders, SKUs and so on that the last snapshot checked. Records that moved meanwhile are not counted.
    pub checked: u64,
    /// Number of suspects that were right in the next snapshot, or that appeared too late for another one.
    pub settled: u64,
    /// What is wrong.
    pub breaches: Vec<Breach>,
}

/// A record that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// The record: `order 0198...`, `SKU COF-001`.
    pub subject: String,
    /// The value that the invariant requires.
    pub expected: String,
    /// The value that was read.
    pub found: String,
}

impl Judgement {
    /// Nothing checked yet.
    pub(crate) fn new(invariant: &'static str, means: &'static str) -> Self {
        Self {
            invariant,
            means,
            checked: 0,
            settled: 0,
            breaches: Vec::new(),
        }
    }

    /// Counts a record that is checked.
    pub(crate) fn count(&mut self) {
        self.checked += 1;
    }

    /// Adds a breach.
    pub(crate) fn breach(
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

    /// Whether `subject` is in breach.
    pub(crate) fn accuses(&self, subject: &str) -> bool {
        self.breaches.iter().any(|b| b.subject == subject)
    }
}
