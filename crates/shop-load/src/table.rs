//! Renders a report for people.

mod steps;

use std::fmt::Write as _;

use crate::plan::Load;
use crate::report::{Ended, Kind, Report, WrongAnswers};

/// Wrong answers that are shown.
const SHOWN: usize = 5;

/// The report as text: a heading, the table of steps, journeys and orders, rejections, failures and wrong answers.
pub fn table(report: &Report) -> String {
    // Writing to a String does not fail.
    let mut text = String::new();
    let _ = writeln!(text, "{}\n", heading(report));
    let _ = writeln!(text, "{}\n", steps::steps(report).trim_fmt());
    let _ = writeln!(text, "{}", journeys(report));
    let _ = writeln!(text, "{}", orders(report));
    let _ = write!(text, "{}", releases(report));
    kinds(&mut text, "refused, as expected", &report.refusals);
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
            format!("{rate} customers/s, open loop: latency counts from when a request was due")
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
        "journeys   {} to browse, {} to buy: {} completed, {} failed, {} cut short by the end",
        j.browsers, j.buyers, j.completed, j.failed, j.cut_short
    );
    if j.waited > 0 || j.not_begun > 0 {
        let most = match report.plan.load {
            Load::Open { max_in_flight, .. } => max_in_flight,
            Load::Closed { .. } => 0,
        };
        let _ = write!(
            text,
            "\n           {most} were active at once, the most: {} waited, up to {:.1} s, and {} never began; the waits count",
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
        (o.cancelled, "cancelled without a service"),
        (o.refused, "refused"),
        (o.unknown, "without a result"),
        (o.repeats, "repeats"),
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
