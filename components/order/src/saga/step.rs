//! The traits of the saga's steps and compensations, and the types of their results.

use stoa_service::time::Millis;

use super::failures;
use crate::clients::Clients;
use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Failure, Order, Reason, Receipt};

/// The dependencies of steps and compensations.
pub struct Saga<'a> {
    /// The clients of the other services.
    pub clients: Clients<'a>,
    /// The wall clock, in milliseconds.
    pub clock: &'a dyn Fn() -> Millis,
    /// The minimum lifetime of a reservation, in seconds.
    pub hold_seconds: u32,
    /// The age, in milliseconds, after which an order is no longer charged.
    pub max_pending: Millis,
}

impl Saga<'_> {
    /// Returns an obstacle if the order is too old to be charged. The charge and the steps before it call this function before a
    /// retry.
    pub fn overdue(&self, order: &Order) -> Option<Obstacle> {
        let age = (self.clock)().saturating_sub(order.created_at);
        (age > self.max_pending).then(|| Obstacle::Failure {
            failure: Failure::new(Reason::Unresolved, "the order took too long to complete"),
            cause: "the order was resumed after its maximum pending time".to_owned(),
        })
    }

    /// Returns the outcome of a compensation that looked up the effect of its step and found none. While the step's own call may
    /// still arrive, the compensation must be repeated later.
    pub fn nothing_to_undo(&self, order: &Order) -> UndoOutcome {
        if (self.clock)() < order.uncertain_until {
            UndoOutcome::NotYet(
                "a call whose response was lost may still reach its service".to_owned(),
            )
        } else {
            UndoOutcome::Done(Receipt::Nothing)
        }
    }
}

/// A step of the saga. It makes a repeatable call to another service, decides what the outcome means for the order, and can have a
/// compensation.
pub trait Step: Sync {
    /// The step's name, such as `charging`. Never change the name of a released step, because the database stores this name for
    /// every order at this step.
    fn name(&self) -> &'static str;

    /// The name of the service that the step calls, for messages to people.
    fn peer(&self) -> &'static str;

    /// Makes the step's call. The call can be repeated safely.
    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure>;

    /// Checks whether something prevents a retry of the step. The driver calls this method before every attempt at the step except
    /// the first.
    fn obstacle_to_retry(&self, _saga: &Saga<'_>, _order: &Order) -> Option<Obstacle> {
        None
    }

    /// Decides how the order continues after the called service rejected the step's call.
    fn on_refusal(&self, refusal: Refusal) -> Verdict;

    /// Decides how the order continues after the step's call failed without a rejection. `first_attempt` is true if the step had no
    /// earlier attempt.
    fn on_failure(&self, _failure: &CallFailure, _first_attempt: bool) -> Verdict {
        Verdict::undo(failures::unavailable(self.peer()))
    }

    /// The compensation of the step; `None` if the compensation of an earlier step also undoes this step. The compensation must
    /// succeed both if the step had its effect and if it had none.
    fn compensation(&self) -> Option<&'static dyn Compensation> {
        None
    }
}

/// A compensation undoes its own step. It can also undo later steps that have no compensation of their own: `releasing` undoes
/// `reserving`, `extending` and `committing`. The driver repeats the compensation until it succeeds.
pub trait Compensation: Sync {
    /// The compensation's name, such as `refunding`. Never change the name of a released compensation, because the database stores
    /// this name for every order at this compensation.
    fn name(&self) -> &'static str;

    /// Makes the compensation's call. The call can be repeated safely.
    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<UndoOutcome, CallFailure>;
}

/// The reason why the driver does not attempt a step again. The variant states whether the order fails or waits.
#[derive(Debug, Clone, PartialEq)]
pub enum Obstacle {
    /// The order fails, and its steps are undone.
    Failure {
        /// The failure that the customer sees.
        failure: Failure,
        /// The cause, for the log.
        cause: String,
    },
    /// It is not known yet whether the step can be attempted again, so the order waits. The variant holds the cause, for the log.
    NotYet(String),
}

/// What happens to an order after an attempt at one of its steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The order continues with the next step.
    Continue,
    /// The order fails, and its steps are undone.
    Compensate {
        /// The failure that the customer sees.
        failure: Failure,
        /// True if this step may have had an effect. Its own compensation then runs first. Otherwise the compensation of an earlier
        /// step runs first.
        undo_this: bool,
    },
    /// The order waits, and the step is retried later.
    Wait,
}

impl Verdict {
    /// The order fails. This step may have had its effect, so its compensation also runs.
    pub fn undo(failure: Failure) -> Self {
        Self::Compensate {
            failure,
            undo_this: true,
        }
    }

    /// The order fails. This step certainly had no effect, so only the compensations of earlier steps run.
    pub fn undo_earlier(failure: Failure) -> Self {
        Self::Compensate {
            failure,
            undo_this: false,
        }
    }
}

/// The outcome of a compensation.
#[derive(Debug, Clone, PartialEq)]
pub enum UndoOutcome {
    /// The step is undone, or it had no effect.
    Done(Receipt),
    /// The step is not undone yet, and the compensation must be repeated. The variant holds the cause, for the log.
    NotYet(String),
    /// The step can no longer be undone, so the order is confirmed.
    Impossible {
        /// The result of the step, in the form in which the order stores it.
        receipt: Receipt,
        /// The reason why the step cannot be undone, for the customer.
        detail: &'static str,
    },
}
