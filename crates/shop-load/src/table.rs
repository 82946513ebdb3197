//! Renders a report for people.

mod steps;

use std::fmt::Write as _;

use crate::plan::Load;
use crate::report::{Ended, KindCount, Report, WrongAnswers};

/// Number of wrong answers that the table shows.
const MAX_SHOWN_EXAMPLES: usize = 5;

/// Renders a report as text: a heading, the table of steps, journeys and orders, rejections, failures and wrong answers.
pub fn table(report: &Report) -> String {
    // Results of `writeln!` are ignored: writing to a String does not fail.
    let mut text = String::new();
    let _ = writeln!(text, "{}\n", heading(report));
    let _ = writeln!(text, "{}\n", steps::steps(report).trim_fmt());
    let _ = writeln!(text, "{}", journeys(report));
    let _ = writeln!(text, "{}", orders(report));
    let _ = write!(text, "{}", releases(report));
    write_kinds(&mut text, "refused, as expected", &report.refusals);
    write_kinds(&mut text, "failed", &report.failures);
    write_kinds(
        &mut text,
        "failed before the load",
        &report.preparation.failures,
    );
    write_wrong_answers(
        &mut text,
        "wrong answers before the load",
        &report.preparation.wrong_answers,
    );
    write_wrong_answers(&mut text, "wrong answers", &report.wrong_answers);
    text
}

fn heading(report: &Report) -> String {
    let plan = &report.plan;
    let load = match plan.load {
        Load::Closed { users } => format!("{users} users, closed loop"),
        Load::Open { rate, .. } => {
            format!("{rate} customers/s, open loop (latency from when a request was due)")
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

fn journeys(report: &Report) -> String {
    let j = &report.journeys;
    let mut text = format!(
        "journeys   {} to browse, {} to buy: {} completed, {} failed, {} cut short by the end of the run",
        j.browsers, j.buyers, j.completed, j.failed, j.cut_short
    );
    if j.waited > 0 || j.not_begun > 0 {
        let most = match report.plan.load {
            Load::Open { max_in_flight, .. } => max_in_flight,
            Load::Closed { .. } => 0,
        };
        let _ = write!(
            text,
            "\n           limit of {most} customers reached: {} customers waited up to {:.1} s, and {} never got a turn; latencies include the waits",
            j.waited,
            j.longest_wait.as_secs_f64(),
            j.not_begun
        );
    }
    if j.cut_off > 0 {
        let _ = write!(
            text,
            "\n           {} requests in flight were cut off",
            j.cut_off
        );
    }
    text
}

fn orders(report: &Report) -> String {
    let o = &report.orders;
    let mut text = format!(
        "orders     {} confirmed, {} declined, {} out of stock",
        o.confirmed, o.declined, o.out_of_stock
    );
    for (count, outcome) in [
        (o.cancelled, "cancelled because a service did not respond"),
        (o.refused, "refused"),
        (o.unknown, "without a result"),
        (o.repeats, "repeats"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {outcome}");
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
    format!("product    responses by release: {}\n", all.join(", "))
}

fn write_kinds(text: &mut String, title: &str, kinds: &[KindCount]) {
    if kinds.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    for kind in kinds {
        let _ = writeln!(
            text,
            "  {:>8}  {}: {}",
            kind.count,
            kind.step.name(),
            kind.kind
        );
    }
}

fn write_wrong_answers(text: &mut String, title: &str, wrong: &WrongAnswers) {
    if wrong.count == 0 {
        return;
    }
    let _ = writeln!(text, "\n{title}: {}", wrong.count);
    for example in wrong.examples.iter().take(MAX_SHOWN_EXAMPLES) {
        let (step, error) = (example.step.name(), &example.error);
        let id = example.request_id.as_deref().unwrap_or("none");
        let _ = writeln!(text, "  {step}: {error} (x-request-id {id})");
    }
}
