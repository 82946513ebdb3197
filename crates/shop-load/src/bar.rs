//! Shows progress on stderr: a bar on a terminal, otherwise a line every ten seconds.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::{Phase, Progress};

/// Interval between two lines if stderr is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows the progress of a run.
#[derive(Debug)]
pub struct Bar {
    /// `None` if stderr is not a terminal.
    bar: Option<ProgressBar>,
    /// Phase and elapsed time of the last printed line.
    printed: Option<(Phase, Duration)>,
}

impl Bar {
    /// Creates a bar. `is_terminal` is true if stderr is a terminal.
    pub fn new(is_terminal: bool) -> Self {
        let bar = is_terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is a constant, so it is valid. If it were invalid, the bar would only keep its default style.
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, printed: None }
    }

    /// Shows the progress.
    pub fn show(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            let (position, length) = match progress.phase {
                Phase::Preparing { done, total } => (done.into(), total.into()),
                _ => (progress.elapsed.as_secs(), progress.duration.as_secs()),
            };
            bar.set_length(length);
            bar.set_position(position.min(length));
            bar.set_message(line(progress));
            return;
        }
        let is_due = self.printed.is_none_or(|(phase, at)| {
            std::mem::discriminant(&phase) != std::mem::discriminant(&progress.phase)
                || progress.elapsed >= at + LINE_INTERVAL
        });
        if is_due {
            self.printed = Some((progress.phase, progress.elapsed));
            // The result is ignored, because a closed stderr must not end the run.
            let _ = writeln!(std::io::stderr(), "stoa load: {}", line(progress));
        }
    }

    /// Clears the bar.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(progress: &Progress) -> String {
    let Progress {
        elapsed,
        duration,
        requests,
        failed,
        wrong,
        ..
    } = progress;
    let counts = format!(
        "{requests} requests, {failed} failed, {wrong} wrong, p99 {:.0} ms, {} orders confirmed",
        progress.p99.as_secs_f64() * 1_000.0,
        progress.confirmed
    );
    match progress.phase {
        Phase::Preparing { done, total } => format!("preparing: {done} of {total} accounts"),
        Phase::Running => format!(
            "{} of {} s: {counts}",
            elapsed.as_secs(),
            duration.as_secs()
        ),
        Phase::Settling => format!(
            "ending, {} requests in flight, {} orders without a result: {counts}",
            progress.in_flight, progress.open
        ),
    }
}
