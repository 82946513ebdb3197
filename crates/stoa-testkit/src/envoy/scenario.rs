//! A test as named steps, each with its clean-up.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::process::Envoy;
use super::setup::Setup;

/// Runs the steps in order. At the end it runs their clean-ups in reverse order, even if a step failed. A failure names its step and
/// the earlier ones, and prints the end of every Envoy's log.
///
/// A step's result that cleans up when it is dropped ([`Envoy`], [`super::Upstream`]) needs no clean-up; clean-ups are for
/// everything else.
pub struct Scenario {
    name: String,
    done: Vec<String>,
    undo: Vec<(String, Box<dyn FnOnce()>)>,
    envoys: Vec<Arc<Envoy>>,
}

impl Scenario {
    /// An empty one.
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

    /// Starts an Envoy as a step. It lives at least until the scenario ends.
    #[track_caller]
    pub fn start(&mut self, name: &str, setup: Setup) -> Arc<Envoy> {
        let envoy = Arc::new(self.step(name, || setup.start()));
        self.envoys.push(envoy.clone());
        envoy
    }

    /// Adds a clean-up for the last step, to run at the end.
    pub fn clean_up(&mut self, work: impl FnOnce() + 'static) {
        let name = self.done.last().cloned().unwrap_or_default();
        self.undo.push((name, Box::new(work)));
    }

    fn report(&self, step: &str, cause: &(dyn Any + Send)) -> String {
        let logs = self.envoys.iter().map(|envoy| envoy.log_tail());
        let logs: Vec<_> = logs.collect();
        format!(
            "{}: step `{step}` failed: {}\nsteps before: {}\n{}",
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
                failed.push(format!("clean-up of step `{step}`: {}", text(&*cause)));
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
        .unwrap_or("no text")
}
