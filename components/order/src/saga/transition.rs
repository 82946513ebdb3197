//! Computes the next state of an order from its position in a plan and the outcome of its call. The functions are pure.

use stoa_service::time::Millis;

use super::plan::{Plan, Position};
use super::step::{Compensation, Obstacle, Step, UndoOutcome, Verdict};
use crate::clients::outcome::CallFailure;
use crate::domain::{
    Direction, Entry, EntryStatus, Failure, Lease, Order, Reason, Receipt, Status, StepName,
};

/// The outcome of an attempt at a step or a compensation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The step is completed. The value is its result.
    Done(Receipt),
    /// The call of the step or compensation failed.
    Failed(CallFailure),
    /// The step was not attempted again. The variant holds the obstacle that prevented the retry.
    Obstructed(Obstacle),
    /// The compensation made its call. The variant holds the outcome of this call.
    Compensated(UndoOutcome),
}

impl Outcome {
    /// The cause for the log; `None` if the step or compensation was completed.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Failed(failure) => Some(failure.to_string()),
            Self::Obstructed(Obstacle::Failure { cause, .. } | Obstacle::NotYet(cause))
            | Self::Compensated(UndoOutcome::NotYet(cause)) => Some(cause.clone()),
            Self::Compensated(UndoOutcome::Impossible { detail, .. }) => Some((*detail).to_owned()),
            Self::Done(_) | Self::Compensated(UndoOutcome::Done(_)) => None,
        }
    }
}

/// The circumstances of an attempt at a step or a compensation.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Whether this is the first attempt at this step.
    pub first_attempt: bool,
    /// The current time, in milliseconds.
    pub now: Millis,
    /// The length of a lease, in milliseconds. A call is in flight for less than this time, because every call ends before its
    /// driver's lease expires.
    pub lease: Millis,
}

/// The driver's next action after the order changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The driver continues with the order's new step.
    Continue,
    /// The driver stops. Recovery or the customer's repeated request resumes the order later.
    Wait,
    /// The driver stops, because the order has ended.
    End {
        /// The type of the event to send; `None` if that event was sent before.
        event: Option<&'static str>,
    },
}

/// Begins the first step of a new order.
pub fn start(plan: &Plan, order: &mut Order, now: Millis) {
    match plan.first() {
        Some(step) => order.begin(StepName::new(step.name()), now),
        None => {
            end_confirmed(order, now);
        }
    }
}

/// Changes `order`, which is at `position`, according to the outcome of the call at this position. Returns the driver's next
/// action.
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
    Attempt {
        first_attempt, now, ..
    }: Attempt,
) -> Transition {
    let verdict = match outcome {
        Outcome::Done(receipt) => {
            order.keep_receipt(receipt);
            Verdict::Continue
        }
        Outcome::Failed(CallFailure::Refused(refusal)) => step.on_refusal(refusal),
        Outcome::Failed(failure) => step.on_failure(&failure, first_attempt),
        Outcome::Obstructed(Obstacle::Failure { failure, .. }) => Verdict::undo(failure),
        Outcome::Obstructed(Obstacle::NotYet(_)) | Outcome::Compensated(_) => Verdict::Wait,
    };
    match verdict {
        Verdict::Wait => wait(order, now),
        Verdict::Continue => {
            order.record_outcome(EntryStatus::Done, None, now);
            match plan.next(index) {
                Some(next) => begin(order, next.name(), now),
                None => end_confirmed(order, now),
            }
        }
        Verdict::Compensate { failure, undo_this } => {
            order.record_outcome(EntryStatus::Failed, Some(failure.detail.clone()), now);
            let end = index + usize::from(undo_this);
            begin_compensation(order, failure, plan.undo_before(end), now)
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
        Outcome::Compensated(UndoOutcome::Done(receipt)) => {
            order.keep_receipt(receipt);
            order.record_outcome(EntryStatus::Done, None, now);
            undo(order, plan.undo_before(index), now)
        }
        Outcome::Compensated(UndoOutcome::Impossible { receipt, detail }) => {
            order.keep_receipt(receipt);
            order.record_outcome(EntryStatus::Failed, Some(detail.to_owned()), now);
            end_confirmed(order, now)
        }
        _ => wait(order, now),
    }
}

/// Begins to cancel the order, which is at `position`, for `reason`. An order that is already compensating continues to compensate.
pub fn cancel(
    plan: &Plan,
    order: &mut Order,
    position: Position,
    reason: Reason,
    now: Millis,
) -> Transition {
    if order.direction == Direction::Compensating {
        turn_failure_into_cancellation(order, reason);
        return Transition::Continue;
    }
    let failure = cancellation_failure(reason);
    if order.status == Status::Pending {
        order.record_outcome(EntryStatus::Failed, Some(failure.detail.clone()), now);
    }
    order.status = Status::Pending;
    begin_compensation(order, failure, plan.undo_from(position), now)
}

/// If the order failed for a reason that frees its idempotency key, replaces that reason with the cancellation `reason`, and gives
/// the key back to the order. A repeated submission then makes no new order.
pub fn turn_failure_into_cancellation(order: &mut Order, reason: Reason) {
    if order.frees_key() {
        order.failure = Some(cancellation_failure(reason));
        order.idempotency_key = order.idempotency_key.take().or(order.freed_key.take());
    }
}

fn cancellation_failure(reason: Reason) -> Failure {
    let who = match reason {
        Reason::CancelledByOperator => "an operator",
        _ => "the customer",
    };
    Failure::new(reason, format!("{who} cancelled the order"))
}

fn begin(order: &mut Order, name: &'static str, now: Millis) -> Transition {
    order.begin(StepName::new(name), now);
    Transition::Continue
}

fn begin_compensation(
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
        Some(compensation) => begin(order, compensation.name(), now),
        None => end_cancelled(order, now),
    }
}

fn wait(order: &mut Order, now: Millis) -> Transition {
    let detail = "the step will be retried".to_owned();
    order.record_outcome(EntryStatus::Waiting, Some(detail), now);
    order.lease = free_lease(now);
    Transition::Wait
}

fn end_confirmed(order: &mut Order, now: Millis) -> Transition {
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

fn end_cancelled(order: &mut Order, now: Millis) -> Transition {
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

fn end(order: &mut Order, name: &'static str, detail: Option<String>, now: Millis) {
    order.step = StepName::DONE;
    order.lease = free_lease(now);
    order.timeline.push(Entry {
        step: StepName::new(name),
        status: EntryStatus::Done,
        at: now,
        detail,
    });
}

fn free_lease(now: Millis) -> Lease {
    Lease {
        owner: String::new(),
        until: now,
    }
}

#[cfg(test)]
mod tests;
