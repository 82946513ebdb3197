//! The list of a saga's steps, the position of an order in the list, and the steps next to a position.

use super::step::{Compensation, Step};
use crate::domain::{Direction, Order, Status};

/// The steps of a saga, in the sequence in which they run. Every step and every compensation has a different name.
#[derive(Clone, Copy)]
pub struct Plan(pub &'static [&'static dyn Step]);

/// The position of an order in a plan.
#[derive(Clone, Copy)]
pub enum Position {
    /// The order is at the step with this index.
    Step(usize, &'static dyn Step),
    /// The order is at the compensation of the step with this index.
    Compensation(usize, &'static dyn Compensation),
    /// The order is confirmed: all steps are completed.
    End,
}

impl Plan {
    /// The names of all steps, each followed by the name of its compensation.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|step| {
            let compensation = step.compensation().map(|compensation| compensation.name());
            std::iter::once(step.name()).chain(compensation)
        })
    }

    /// Returns the position of `order` in this plan. `None` if the plan does not contain the order's step. Do not call this
    /// function for a cancelled order.
    pub fn position(&self, order: &Order) -> Option<Position> {
        let mut steps = self.0.iter().enumerate();
        match (order.status, order.direction) {
            (Status::Pending, Direction::Forward) => steps
                .find(|(_, step)| order.step == step.name())
                .map(|(index, step)| Position::Step(index, *step)),
            (Status::Pending, Direction::Compensating) => steps.find_map(|(index, step)| {
                let compensation = step.compensation()?;
                (order.step == compensation.name())
                    .then_some(Position::Compensation(index, compensation))
            }),
            _ => Some(Position::End),
        }
    }

    /// The first step of the plan.
    pub fn first(&self) -> Option<&'static dyn Step> {
        self.0.first().copied()
    }

    /// The step after the step with this index; `None` after the last step.
    pub fn next(&self, index: usize) -> Option<&'static dyn Step> {
        self.0.get(index + 1).copied()
    }

    /// Returns the compensation to begin with if the steps before index `end` must be undone. It is the compensation of the last of
    /// these steps that has one; `None` if none of them has one.
    pub fn undo_before(&self, end: usize) -> Option<&'static dyn Compensation> {
        let before = self.0.iter().take(end);
        before.rev().find_map(|step| step.compensation())
    }

    /// Returns the compensation with which the cancellation of an order at `position` begins. It is the compensation of the order's
    /// current step, or else of the nearest earlier step that has one. `None` if no step must be undone. An order that is already
    /// compensating continues with its current compensation.
    pub fn undo_from(&self, position: Position) -> Option<&'static dyn Compensation> {
        match position {
            Position::Step(index, _) => self.undo_before(index + 1),
            Position::Compensation(_, compensation) => Some(compensation),
            Position::End => self.undo_before(self.0.len()),
        }
    }
}
