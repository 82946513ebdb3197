//! Verdicts as metrics, in Prometheus' text format.

use std::fmt::Write as _;

use crate::invariants::INVARIANTS;
use crate::shop::AuditError;
use crate::verdict::{Judgement, Verdict};

/// The page's media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What came of the audits so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    sound: u64,
    breached: u64,
    failed: u64,
    /// Whether the last audit came to a verdict.
    up: bool,
    last: Option<Verdict>,
}

impl Tally {
    /// Counts an audit. One that failed leaves the figures of the one before.
    pub fn add(&mut self, audit: &Result<Verdict, AuditError>) {
        self.up = audit.is_ok();
        match audit {
            Ok(verdict) if verdict.sound => self.sound += 1,
            Ok(_) => self.breached += 1,
            Err(_) => self.failed += 1,
        }
        if let Ok(verdict) = audit {
            self.last = Some(verdict.clone());
        }
    }

    /// Whether any audit found a breach.
    pub fn has_breach(&self) -> bool {
        self.breached > 0
    }

    /// The page.
    pub fn text(&self) -> String {
        let mut page = Page(String::new());
        let name = "stoa_audit_runs_total";
        page.family(name, "counter", "Audits by what came of them.");
        for (result, count) in [
            ("sound", self.sound),
            ("breach", self.breached),
            ("failed", self.failed),
        ] {
            page.sample(name, &format!("result=\"{result}\""), count);
        }
        let help = "Whether the last audit could read everything.";
        page.single("stoa_audit_up", help, u8::from(self.up));
        if let Some(verdict) = &self.last {
            page.verdict(verdict);
        }
        page.0
    }
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
    }

    fn single(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn by_invariant(
        &mut self,
        verdict: &Verdict,
        name: &str,
        help: &str,
        value: impl Fn(&Judgement) -> u64,
    ) {
        self.family(name, "gauge", help);
        for judgement in &verdict.judgements {
            let labels = format!("invariant=\"{}\"", judgement.invariant);
            self.sample(name, &labels, value(judgement));
        }
    }

    fn verdict(&mut self, verdict: &Verdict) {
        debug_assert_eq!(verdict.judgements.len(), INVARIANTS.len());
        let breaches = |j: &Judgement| u64::try_from(j.breaches.len()).unwrap_or(u64::MAX);
        let help = "What is wrong, by invariant.";
        self.by_invariant(verdict, "stoa_audit_breaches", help, breaches);
        let help = "What was held against an invariant.";
        self.by_invariant(verdict, "stoa_audit_checked", help, |j| j.checked);
        let help = "What looked wrong and was right a moment later.";
        self.by_invariant(verdict, "stoa_audit_settled", help, |j| j.settled);
        let help = "Messages that notification gave up for good.";
        self.single("stoa_audit_given_up", help, verdict.given_up);
        let help = "Third parties' books that the shop's were held against.";
        self.single("stoa_audit_books", help, verdict.books.len());
        let help = "How often the last audit looked.";
        self.single("stoa_audit_looks", help, verdict.looks);
        let help = "How long the last audit took.";
        self.single("stoa_audit_duration_seconds", help, verdict.seconds);
        let at = verdict
            .at
            .parse::<jiff::Timestamp>()
            .map_or(0, |at| at.as_second());
        let help = "When the last audit that came to a verdict looked last.";
        self.single("stoa_audit_last_run_timestamp_seconds", help, at);
    }
}
