//! Renders a verdict for people.

use std::fmt::Write as _;

use comfy_table::CellAlignment;
use comfy_table::presets::NOTHING;

use crate::verdict::Verdict;

/// Spaces between two columns.
const COLUMN_GAP: u16 = 3;

/// Renders a table of the invariants, a line for each breach, and the summary.
pub fn report(verdict: &Verdict) -> String {
    let mut table = comfy_table::Table::new();
    table
        .load_style(NOTHING)
        .set_header(["INVARIANT", "CHECKED", "SETTLED", "BREACHES", "MEANS"]);
    for judgement in &verdict.judgements {
        table.add_row([
            judgement.invariant.to_owned(),
            judgement.checked.to_string(),
            judgement.settled.to_string(),
            judgement.breaches.len().to_string(),
            judgement.means.to_owned(),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, COLUMN_GAP));
        if (1..=3).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{}\n\n", table.trim_fmt());
    // Results of `writeln!` are ignored: writing to a String does not fail.
    for (invariant, breach) in verdict.breaches() {
        let _ = writeln!(
            text,
            "BREACH {invariant}: {}: expected {}, found {}",
            breach.subject, breach.expected, breach.found
        );
    }
    if verdict.books.is_empty() {
        text.push_str("No third party's records were read; money and parcels were checked only with the shop's own records.\n");
    }
    if verdict.given_up > 0 {
        let _ = writeln!(
            text,
            "Messages that the notification service gave up: {}.",
            verdict.given_up
        );
    }
    let _ = writeln!(text, "{}", summary(verdict));
    text
}

/// Renders the verdict in one line.
pub fn summary(verdict: &Verdict) -> String {
    let checked: u64 = verdict.judgements.iter().map(|j| j.checked).sum();
    let word = if verdict.sound { "sound" } else { "BREACHED" };
    format!(
        "{word}: {} breaches; {checked} records checked against {} invariants; snapshots: {}; {:.1} s; {}",
        verdict.breaches().count(),
        verdict.judgements.len(),
        verdict.snapshots,
        verdict.seconds,
        verdict.at
    )
}
