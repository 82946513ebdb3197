//! The position of an order in a list of steps, and the steps before and after it.

use super::step::{Compensation, Step};
use crate::domain::{Direction, Order, Status};

/// The steps of a saga, in order. All words of steps and compensations are different.
#[derive(Clone, Copy)]
pub struct Plan(pub &'static [&'static dyn Step]);

/// The position of an order in a plan.
#[derive(Clone, Copy)]
pub enum Position {
    /// At the step with this index.
    Step(usize, &'static dyn Step),
    /// At the compensation of the step with this index.
    Compensation(usize, &'static dyn Compensation),
    /// After the last step: confirmed.
    End,
}

impl Plan {
    /// All words: each step's, followed by that of its compensation.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|step| {
            let compensation = step.compensation().map(|compensation| compensation.word());
            std::iter::once(step.word()).chain(compensation)
        })
    }

    /// The position of `order`, which is not cancelled; `None` if this plan does not have its step.
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

    /// The first compensation that undoes the steps before `end`: the last one in the list.
    pub fn undo_before(&self, end: usize) -> Option<&'static dyn Compensation> {
        let before = self.0.iter().take(end);
        before.rev().find_map(|step| step.compensation())
    }

    /// The first compensation that undoes an order at `position`: that of its step or of an earlier one. `None` if
    /// there is nothing to undo. For an order that is compensating, its current one.
    pub fn undo_from(&self, position: Position) -> Option<&'static dyn Compensation> {
        match position {
            Position::Step(index, _) => self.undo_before(index + 1),
            Position::Compensation(_, compensation) => Some(compensation),
            Position::End => self.undo_before(self.0.len()),
        }
    }
}
