//! Parses the program of a test.

use crate::output::log;
use crate::phase::Phase;

/// A program: phases and their operations.
#[derive(Clone, Default)]
pub(crate) struct Program {
    phases: Vec<(Phase, Vec<Vec<String>>)>,
    /// Whether the probe logs every callback.
    traced: bool,
    /// True if a pause at a body ends when the last piece of the body arrives.
    pub(crate) only_until_end: bool,
    /// The tick period in milliseconds. `None`: no ticks.
    pub(crate) tick: Option<u64>,
}

impl Program {
    pub(crate) fn read(text: &str) -> Self {
        let mut program = Self::default();
        for part in text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (phase, operations) = part.split_once(' ').unwrap_or((part, ""));
            match phase {
                "trace" => program.traced = true,
                "until-end" => program.only_until_end = true,
                "every" => program.tick = operations.trim().parse().ok(),
                name => {
                    let phase = Phase::from_name(name);
                    let operations = operations.split(',').map(words);
                    program.phases.push((phase, operations.collect()));
                }
            }
        }
        program
    }

    pub(crate) fn operations(&self, phase: Phase) -> impl Iterator<Item = &Vec<String>> {
        let phases = self.phases.iter();
        let of_phase = phases.filter(move |(other, _)| *other == phase);
        of_phase.flat_map(|(_, operations)| operations)
    }

    pub(crate) fn has(&self, phase: Phase) -> bool {
        self.operations(phase).next().is_some()
    }

    pub(crate) fn trace(&self, line: &str) {
        if self.traced {
            log(line);
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
