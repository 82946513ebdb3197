//! A test that consists of named steps with clean-ups.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::process::Envoy;
use super::setup::Setup;

/// Runs named steps in order. When the scenario is dropped, the steps' clean-ups run in reverse order, even if a step failed. If a
/// step fails, the message names this step and the earlier steps, and contains the end of every Envoy's log.
///
/// A step that returns an [`Envoy`] or a [`super::Upstream`] needs no clean-up, because dropping these values stops them.
pub struct Scenario {
    name: String,
    done: Vec<String>,
    undo: Vec<(String, Box<dyn FnOnce()>)>,
    envoys: Vec<Arc<Envoy>>,
}

impl Scenario {
    /// Creates a scenario without steps.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            done: Vec::new(),
            undo: Vec::new(),
            envoys: Vec::new(),
        }
    }

    /// Runs a step, and returns its result.
    #[track_caller]
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => {
                self.done.push(name.to_owned());
                result
            }
            Err(cause) => panic!("{}", self.report(name, &*cause)),
        }
    }

    /// Starts an Envoy as a step. The Envoy runs at least until the scenario ends.
    #[track_caller]
    pub fn start(&mut self, name: &str, setup: Setup) -> Arc<Envoy> {
        let envoy = Arc::new(self.step(name, || setup.start()));
        self.envoys.push(envoy.clone());
        envoy
    }

    /// Adds a clean-up for the last step. The clean-up runs when the scenario ends.
    pub fn clean_up(&mut self, work: impl FnOnce() + 'static) {
        let name = self.done.last().cloned().unwrap_or_default();
        self.undo.push((name, Box::new(work)));
    }

    fn report(&self, step: &str, cause: &(dyn Any + Send)) -> String {
        let logs = self.envoys.iter().map(|envoy| envoy.log_tail());
        let logs: Vec<_> = logs.collect();
        format!(
            "{}: step `{step}` failed: {}\nearlier steps: {}\n{}",
            self.name,
            text(cause),
            self.done.join(", "),
            logs.join("\n")
        )
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        let mut failed = Vec::new();
        while let Some((step, work)) = self.undo.pop() {
            if let Err(cause) = catch_unwind(AssertUnwindSafe(work)) {
                failed.push(format!(
                    "the clean-up of step `{step}` failed: {}",
                    text(&*cause)
                ));
            }
        }
        let failed = failed.join("\n");
        if std::thread::panicking() {
            eprintln!("{failed}"); // a second panic would abort the test's whole process
        } else {
            assert!(failed.is_empty(), "{}: {failed}", self.name);
        }
    }
}

fn text(cause: &(dyn Any + Send)) -> &str {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref().copied())
        .unwrap_or("a panic without a text")
}
