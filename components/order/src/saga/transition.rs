//! The next state of an order, pure: it follows from the order's position in a plan and from the outcome of its call.

use stoa_service::time::Millis;

use super::plan::{Plan, Position};
use super::step::{Compensation, Obstacle, Step, Undone, Verdict};
use crate::clients::outcome::CallFailure;
use crate::domain::{
    Direction, Entry, EntryStatus, Failure, Lease, Order, Reason, Receipt, Status, StepName,
};

/// The outcome of an attempt at a step or a compensation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The step is done.
    Done(Receipt),
    /// The call failed.
    Failed(CallFailure),
    /// The step was not retried.
    Obstructed(Obstacle),
    /// The compensation's call got a response.
    Compensated(Undone),
}

impl Outcome {
    /// The cause for the log, if something went wrong.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Failed(failure) => Some(failure.to_string()),
            Self::Obstructed(Obstacle::Failure { cause, .. } | Obstacle::NotYet(cause))
            | Self::Compensated(Undone::NotYet(cause)) => Some(cause.clone()),
            Self::Compensated(Undone::Impossible { detail, .. }) => Some((*detail).to_owned()),
            Self::Done(_) | Self::Compensated(Undone::Done(_)) => None,
        }
    }
}

/// The circumstances of a call.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Whether this is the first attempt at this step.
    pub fresh: bool,
    /// The current time.
    pub now: Millis,
    /// The length of a lease; every call ends within it.
    pub lease: Millis,
}

/// The driver's next action after a change of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Continues with the order's new step.
    Continue,
    /// Stops; recovery, or the customer's repeat, resumes the order later.
    Wait,
    /// Stops: the order has ended.
    End {
        /// The type of the event to send; `None` if it was sent before.
        event: Option<&'static str>,
    },
}

/// Begins the first step.
pub fn start(plan: &Plan, order: &mut Order, now: Millis) {
    match plan.first() {
        Some(step) => order.begin(StepName::new(step.word()), now),
        None => {
            confirm(order, now);
        }
    }
}

/// Changes `order`, which is at `position`, by the outcome of its call.
pub fn apply(
    plan: &Plan,
    order: &mut Order,
    position: Position,
    outcome: Outcome,
    attempt: Attempt,
) -> Transition {
    if let Outcome::Failed(CallFailure::Unknown {
        in_flight: true, ..
    }) = outcome
    {
        order.uncertain_until = attempt.now + attempt.lease;
    }
    match position {
        Position::Step(index, step) => forward(plan, order, (index, step), outcome, attempt),
        Position::Compensation(index, _) => backward(plan, order, index, outcome, attempt.now),
        Position::End => wait(order, attempt.now),
    }
}

fn forward(
    plan: &Plan,
    order: &mut Order,
    (index, step): (usize, &dyn Step),
    outcome: Outcome,
    Attempt { fresh, now, .. }: Attempt,
) -> Transition {
    let verdict = match outcome {
        Outcome::Done(receipt) => {
            order.keep(receipt);
            Verdict::Continue
        }
        Outcome::Failed(CallFailure::Refused(refusal)) => step.refused(refusal),
        Outcome::Failed(failure) => step.failed(&failure, fresh),
        Outcome::Obstructed(Obstacle::Failure { failure, .. }) => Verdict::undo(failure),
        Outcome::Obstructed(Obstacle::NotYet(_)) | Outcome::Compensated(_) => Verdict::Wait,
    };
    match verdict {
        Verdict::Wait => wait(order, now),
        Verdict::Continue => {
            order.settle(EntryStatus::Done, None, now);
            match plan.next(index) {
                Some(next) => begin(order, next.word(), now),
                None => confirm(order, now),
            }
        }
        Verdict::TurnBack { failure, undo_this } => {
            order.settle(EntryStatus::Failed, Some(failure.detail.clone()), now);
            let end = index + usize::from(undo_this);
            turn_back(order, failure, plan.undo_before(end), now)
        }
    }
}

fn backward(
    plan: &Plan,
    order: &mut Order,
    index: usize,
    outcome: Outcome,
    now: Millis,
) -> Transition {
    match outcome {
        Outcome::Compensated(Undone::Done(receipt)) => {
            order.keep(receipt);
            order.settle(EntryStatus::Done, None, now);
            undo(order, plan.undo_before(index), now)
        }
        Outcome::Compensated(Undone::Impossible { receipt, detail }) => {
            order.keep(receipt);
            order.settle(EntryStatus::Failed, Some(detail.to_owned()), now);
            confirm(order, now)
        }
        _ => wait(order, now),
    }
}

/// Turns the order around from `position`; `by` is the reason. An order that is already compensating continues.
pub fn cancel(
    plan: &Plan,
    order: &mut Order,
    position: Position,
    by: Reason,
    now: Millis,
) -> Transition {
    if order.direction == Direction::Compensating {
        confirm_cancellation(order, by);
        return Transition::Continue;
    }
    let failure = cancelled_by(by);
    if order.status == Status::Pending {
        order.settle(EntryStatus::Failed, Some(failure.detail.clone()), now);
    }
    order.status = Status::Pending;
    turn_back(order, failure, plan.undo_from(position), now)
}

/// If a repeat of the submission would have made a new order, the failure becomes a cancellation, and the order gets its key back.
pub fn confirm_cancellation(order: &mut Order, by: Reason) {
    if order.frees_key() {
        order.failure = Some(cancelled_by(by));
        order.idempotency_key = order.idempotency_key.take().or(order.freed_key.take());
    }
}

fn cancelled_by(by: Reason) -> Failure {
    let who = match by {
        Reason::CancelledByOperator => "an operator",
        _ => "the customer",
    };
    Failure::new(by, format!("{who} cancelled the order"))
}

fn begin(order: &mut Order, word: &'static str, now: Millis) -> Transition {
    order.begin(StepName::new(word), now);
    Transition::Continue
}

fn turn_back(
    order: &mut Order,
    failure: Failure,
    compensation: Option<&'static dyn Compensation>,
    now: Millis,
) -> Transition {
    order.direction = Direction::Compensating;
    order.failure = Some(failure);
    undo(order, compensation, now)
}

fn undo(
    order: &mut Order,
    compensation: Option<&'static dyn Compensation>,
    now: Millis,
) -> Transition {
    match compensation {
        Some(compensation) => begin(order, compensation.word(), now),
        None => cancelled(order, now),
    }
}

fn wait(order: &mut Order, now: Millis) -> Transition {
    let detail = "will be tried again".to_owned();
    order.settle(EntryStatus::Waiting, Some(detail), now);
    order.lease = free(now);
    Transition::Wait
}

fn confirm(order: &mut Order, now: Millis) -> Transition {
    let first = order.confirmed_at.is_none();
    order.status = Status::Confirmed;
    order.direction = Direction::Forward;
    order.failure = None;
    order.confirmed_at = order.confirmed_at.or(Some(now));
    end(order, "confirmed", None, now);
    Transition::End {
        event: first.then_some("stoa.order.confirmed"),
    }
}

fn cancelled(order: &mut Order, now: Millis) -> Transition {
    order.status = Status::Cancelled;
    if order.frees_key() {
        order.freed_key = order.idempotency_key.take();
    }
    let reason = order.failure.as_ref().map(|failure| failure.reason);
    let detail = reason.map(|reason| <&str>::from(reason).to_owned());
    end(order, "cancelled", detail, now);
    Transition::End {
        event: Some("stoa.order.cancelled"),
    }
}

fn end(order: &mut Order, word: &'static str, detail: Option<String>, now: Millis) {
    order.step = StepName::DONE;
    order.lease = free(now);
    order.timeline.push(Entry {
        step: StepName::new(word),
        status: EntryStatus::Done,
        at: now,
        detail,
    });
}

fn free(now: Millis) -> Lease {
    Lease {
        owner: String::new(),
        until: now,
    }
}

#[cfg(test)]
mod tests;
