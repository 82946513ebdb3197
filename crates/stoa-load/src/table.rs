//! A report for people.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use crate::plan::Load;
use crate::report::{Ended, Kind, Measured, Report, WrongAnswers};

/// Between two columns.
const GAP: u16 = 2;
/// Wrong answers that are shown.
const SHOWN: usize = 5;

/// The report as text: what was done, the table of steps, and what did not go well.
pub fn table(report: &Report) -> String {
    // Writing to a String does not fail.
    let mut text = String::new();
    let _ = writeln!(text, "{}\n", heading(report));
    let _ = writeln!(text, "{}\n", steps(report).trim_fmt());
    let _ = writeln!(text, "{}", journeys(report));
    let _ = writeln!(text, "{}", orders(report));
    let _ = write!(text, "{}", releases(report));
    kinds(&mut text, "refused, as may be", &report.refusals);
    kinds(&mut text, "failed", &report.failures);
    kinds(
        &mut text,
        "failed before the load",
        &report.preparation.failures,
    );
    wrong(
        &mut text,
        "wrong answers before the load",
        &report.preparation.wrong_answers,
    );
    wrong(&mut text, "wrong answers", &report.wrong_answers);
    text
}

fn heading(report: &Report) -> String {
    let plan = &report.plan;
    let load = match plan.load {
        Load::Closed { users } => format!("{users} users, closed loop"),
        Load::Open { rate, .. } => {
            format!("{rate} customers/s, open loop: times count from when a request was due")
        }
    };
    let stopped = match report.ended {
        Ended::Duration => "",
        Ended::Stopped => ", stopped",
        Ended::StoppedAtOnce => ", stopped at once",
    };
    let seconds = report.elapsed.as_secs_f64();
    let (target, seed) = (&plan.target, plan.seed);
    format!("{target}: {load}, {seconds:.1} s{stopped}, seed {seed}")
}

fn steps(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "STEP", "COUNT", "RATE/S", "P50", "P90", "P99", "P99.9", "MAX", "REFUSED", "FAILED",
    ]);
    for step in &report.steps {
        table.add_row(row(step.step.word(), &step.measured));
    }
    table.add_row(row("all", &report.total));
    for (n, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP));
        if n > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(name: &str, measured: &Measured) -> [String; 10] {
    let took = &measured.latency_us;
    [
        name.to_owned(),
        measured.count.to_string(),
        format!("{:.1}", measured.per_second),
        time(took.p50),
        time(took.p90),
        time(took.p99),
        time(took.p99_9),
        time(took.max),
        measured.refused.to_string(),
        measured.failed.to_string(),
    ]
}

/// Microseconds, in the unit that a person would take.
fn time(micros: u64) -> String {
    let time = Duration::from_micros(micros);
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", time.as_secs_f64() * 1_000.0),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}

fn journeys(report: &Report) -> String {
    let j = &report.journeys;
    let mut text = format!(
        "journeys   {} to look, {} to buy: {} completed, {} failed, {} cut short by the end",
        j.browsers, j.buyers, j.completed, j.failed, j.cut_short
    );
    if j.waited > 0 || j.not_begun > 0 {
        let most = match report.plan.load {
            Load::Open { max_in_flight, .. } => max_in_flight,
            Load::Closed { .. } => 0,
        };
        let _ = write!(
            text,
            "\n           {most} were at work at once, the most: {} waited, up to {:.1} s, and {} never began; the waits count",
            j.waited,
            j.longest_wait.as_secs_f64(),
            j.not_begun
        );
    }
    if j.cut_off > 0 {
        let _ = write!(text, "\n           {} requests were cut off", j.cut_off);
    }
    text
}

fn orders(report: &Report) -> String {
    let o = &report.orders;
    let mut text = format!(
        "orders     {} confirmed, {} declined, {} out of stock",
        o.confirmed, o.declined, o.out_of_stock
    );
    for (count, what) in [
        (o.cancelled, "cancelled for want of a service"),
        (o.refused, "refused"),
        (o.unknown, "of which nobody said how they went"),
        (o.repeats, "repeats for want of an answer"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    for (currency, amount) in &o.money {
        let _ = write!(
            text,
            "\nmoney      {amount} {currency} confirmed, in minor units"
        );
    }
    text
}

fn releases(report: &Report) -> String {
    let all: Vec<String> = report
        .releases
        .iter()
        .map(|(release, count)| format!("{release} {count}"))
        .collect();
    if all.is_empty() {
        return String::new();
    }
    format!("product    answers by release: {}\n", all.join(", "))
}

fn kinds(text: &mut String, title: &str, kinds: &[Kind]) {
    if kinds.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    for kind in kinds {
        let _ = writeln!(
            text,
            "  {:>8}  {}: {}",
            kind.count,
            kind.step.word(),
            kind.kind
        );
    }
}

fn wrong(text: &mut String, title: &str, wrong: &WrongAnswers) {
    if wrong.count == 0 {
        return;
    }
    let _ = writeln!(text, "\n{title}: {}", wrong.count);
    for example in wrong.examples.iter().take(SHOWN) {
        let (step, what) = (example.step.word(), &example.what);
        let id = example.request_id.as_deref().unwrap_or("none");
        let _ = writeln!(text, "  {step}: {what} (x-request-id {id})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_a_person_would_take() {
        for (micros, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.0 ms"),
            (12_345, "12.3 ms"),
            (999_949, "999.9 ms"),
            (2_500_000, "2.50 s"),
        ] {
            assert_eq!(time(micros), text);
        }
    }
}
