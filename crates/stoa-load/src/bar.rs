//! Progress on stderr: a bar on a terminal, a line now and then elsewhere.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::{Phase, Progress};

/// Between two lines where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// Tells people how far a run is.
#[derive(Debug)]
pub struct Bar {
    /// None where stderr is no terminal.
    bar: Option<ProgressBar>,
    told: Option<(Phase, Duration)>,
}

impl Bar {
    /// On stderr, which is a terminal or not.
    pub fn new(terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // What is wrong with a template is known at once; the plain bar will do.
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, told: None }
    }

    /// Shows how far it is.
    pub fn show(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            let (at, of) = match progress.phase {
                Phase::Preparing { done, of } => (done.into(), of.into()),
                _ => (progress.elapsed.as_secs(), progress.duration.as_secs()),
            };
            bar.set_length(of);
            bar.set_position(at.min(of));
            bar.set_message(line(progress));
            return;
        }
        let is_due = self.told.is_none_or(|(phase, at)| {
            std::mem::discriminant(&phase) != std::mem::discriminant(&progress.phase)
                || progress.elapsed >= at + LINE
        });
        if is_due {
            self.told = Some((progress.phase, progress.elapsed));
            // A closed stderr is no reason to end a run.
            let _ = writeln!(std::io::stderr(), "stoa load: {}", line(progress));
        }
    }

    /// Leaves the terminal to what follows.
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
        Phase::Preparing { done, of } => format!("preparing: {done} of {of} accounts"),
        Phase::Running => format!(
            "{} of {} s: {counts}",
            elapsed.as_secs(),
            duration.as_secs()
        ),
        Phase::Settling => format!(
            "ending, {} requests on their way and {} orders open: {counts}",
            progress.in_flight, progress.open
        ),
    }
}
