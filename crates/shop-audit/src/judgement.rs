//! The result of checking one invariant.

use serde::Serialize;

/// The result of checking one invariant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The invariant's name, such as `confirmed-is-paid`.
    pub invariant: &'static str,
    /// The invariant as a sentence.
    pub means: &'static str,
    /// Number of records (orders, SKUs and so on) that were checked in the audit's last snapshot. Records that changed during this
    /// snapshot are not counted.
    pub checked: u64,
    /// Number of suspects that did not become breaches: the next snapshot found them correct, or they were new in the audit's last
    /// snapshot.
    pub settled: u64,
    /// The records that break the invariant.
    pub breaches: Vec<Breach>,
}

/// A record that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// The record's kind and id, such as `order 0198...` or `SKU COF-001`.
    pub subject: String,
    /// The value that the invariant requires.
    pub expected: String,
    /// The value that was read.
    pub found: String,
}

impl Judgement {
    /// Creates a judgement without checked records.
    pub(crate) fn new(invariant: &'static str, means: &'static str) -> Self {
        Self {
            invariant,
            means,
            checked: 0,
            settled: 0,
            breaches: Vec::new(),
        }
    }

    /// Counts one checked record.
    pub(crate) fn count_checked(&mut self) {
        self.checked += 1;
    }

    /// Adds a breach.
    pub(crate) fn add_breach(
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

    /// Whether one of the breaches has this `subject`.
    pub(crate) fn has_breach_of(&self, subject: &str) -> bool {
        self.breaches.iter().any(|b| b.subject == subject)
    }
}
