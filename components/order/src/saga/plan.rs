//! What precedes and what follows in a list of steps.

use super::step::{Compensation, Step};
use crate::domain::{Direction, Order, Status};

/// The steps of a saga, in order. The words of steps and compensations differ from each other.
#[derive(Clone, Copy)]
pub struct Plan(pub &'static [&'static dyn Step]);

/// Where an order stands in a plan.
#[derive(Clone, Copy)]
pub enum Position {
    /// At a step, whose index this is.
    Step(usize, &'static dyn Step),
    /// At the compensation of the step with this index.
    Compensation(usize, &'static dyn Compensation),
    /// Behind the last step: confirmed.
    End,
}

impl Plan {
    /// Every word: each step's, followed by that of its compensation.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|step| {
            let compensation = step.compensation().map(|compensation| compensation.word());
            std::iter::once(step.word()).chain(compensation)
        })
    }

    /// Where `order`, which is not cancelled, stands; `None` where this plan does not have its step.
    pub fn position(&self, order: &Order) -> Option<Position> {
        let mut steps = self.0.iter().enumerate();
        match (order.status, order.direction) {
            (Status::Pending, Direction::Forward) => steps
                .find(|(_, step)| order.step == step.word())
                .map(|(index, step)| Position::Step(index, *step)),
            (Status::Pending, Direction::Compensating) => steps.find_map(|(index, step)| {
                let compensation = step.compensation()?;
                (order.step == compensation.word())
                    .then_some(Position::Compensation(index, compensation))
            }),
            _ => Some(Position::End),
        }
    }

    /// The first step.
    pub fn first(&self) -> Option<&'static dyn Step> {
        self.0.first().copied()
    }

    /// The step after the one with this index; `None` after the last.
    pub fn next(&self, index: usize) -> Option<&'static dyn Step> {
        self.0.get(index + 1).copied()
    }

    /// The compensation with which the steps before `end` begin to be undone: the last one there is.
    pub fn undo_before(&self, end: usize) -> Option<&'static dyn Compensation> {
        let before = self.0.iter().take(end);
        before.rev().find_map(|step| step.compensation())
    }

    /// The compensation with which an order is undone from `position` on: that of its step or of an earlier one. `None` where
    /// nothing is to be undone. An order that is compensating stays where it is.
    pub fn undo_from(&self, position: Position) -> Option<&'static dyn Compensation> {
        match position {
            Position::Step(index, _) => self.undo_before(index + 1),
            Position::Compensation(_, compensation) => Some(compensation),
            Position::End => self.undo_before(self.0.len()),
        }
    }
}
