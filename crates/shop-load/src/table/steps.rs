//! Renders the table of steps.

use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use crate::report::{Measured, Report};

/// Spaces between two columns.
const COLUMN_GAP: u16 = 2;

/// Renders one row for each step, and one row for all steps together.
pub(super) fn steps(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "STEP", "COUNT", "RATE/S", "P50", "P90", "P99", "P99.9", "MAX", "REFUSED", "FAILED",
    ]);
    for step in &report.steps {
        table.add_row(row(step.step.name(), &step.measured));
    }
    table.add_row(row("all", &report.total));
    for (n, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, COLUMN_GAP));
        if n > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(name: &str, measured: &Measured) -> [String; 10] {
    let latency = &measured.latency_us;
    [
        name.to_owned(),
        measured.count.to_string(),
        format!("{:.1}", measured.per_second),
        time(latency.p50),
        time(latency.p90),
        time(latency.p99),
        time(latency.p99_9),
        time(latency.max),
        measured.refused.to_string(),
        measured.failed.to_string(),
    ]
}

/// Renders a time, given in microseconds, in µs, ms or s.
fn time(micros: u64) -> String {
    let time = Duration::from_micros(micros);
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", time.as_secs_f64() * 1_000.0),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_unit_that_suits_its_value() {
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
