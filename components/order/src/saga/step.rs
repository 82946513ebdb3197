//! The traits of steps and compensations.

use stoa_service::time::Millis;

use super::failures;
use crate::clients::Clients;
use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Failure, Order, Reason, Receipt};

/// The dependencies of steps.
pub struct Saga<'a> {
    /// The other services.
    pub clients: Clients<'a>,
    /// The wall clock.
    pub clock: &'a dyn Fn() -> Millis,
    /// The minimum lifetime of a reservation, in seconds.
    pub hold_seconds: u32,
    /// The age, in milliseconds, after which an order is not charged any more.
    pub max_pending: Millis,
}

impl Saga<'_> {
    /// The obstacle of an order that is resumed before its charge is known, and is too old by then.
    pub fn overdue(&self, order: &Order) -> Option<Obstacle> {
        let age = (self.clock)().saturating_sub(order.created_at);
        (age > self.max_pending).then(|| Obstacle::Failure {
            failure: Failure::new(Reason::Unresolved, "it took too long to complete the order"),
            cause: "resumed too late".to_owned(),
        })
    }

    /// For a lookup that found nothing. While the original request may still arrive, this proves nothing yet.
    pub fn nothing_to_undo(&self, order: &Order) -> Undone {
        if (self.clock)() < order.uncertain_until {
            Undone::NotYet("a request whose response was lost may still arrive".to_owned())
        } else {
            Undone::Done(Receipt::Nothing)
        }
    }
}

/// A step: a call to another service that may be repeated, the meaning of its outcome for the order, and its compensation.
pub trait Step: Sync {
    /// The step's word: `charging`. Never change a released word: it is stored in the orders at this step.
    fn word(&self) -> &'static str;

    /// The name of the service that it calls, for people.
    fn peer(&self) -> &'static str;

    /// Makes the call.
    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure>;

    /// Checks a resumed step before it is retried: the obstacle, if there is one.
    fn reconsider(&self, _saga: &Saga<'_>, _order: &Order) -> Option<Obstacle> {
        None
    }

    /// The verdict on a rejection by the service.
    fn refused(&self, refusal: Refusal) -> Verdict;

    /// The verdict on a failure that is not a rejection. `fresh`: there was no earlier attempt.
    fn failed(&self, _failure: &CallFailure, _fresh: bool) -> Verdict {
        Verdict::undo(failures::unavailable(self.peer()))
    }

    /// The compensation of the step, done or not; `None` if that of an earlier step includes it.
    fn compensation(&self) -> Option<&'static dyn Compensation> {
        None
    }
}

/// Undoes a step, and all steps since the previous compensation. It is repeated until it succeeds.
pub trait Compensation: Sync {
    /// The compensation's word: `refunding`. Never change a released word.
    fn word(&self) -> &'static str;

    /// Makes the call.
    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Undone, CallFailure>;
}

/// Why a step cannot be retried.
#[derive(Debug, Clone, PartialEq)]
pub enum Obstacle {
    /// The order fails.
    Failure {
        /// Why.
        failure: Failure,
        /// For the log.
        cause: String,
    },
    /// Not known yet: the cause. The step waits.
    NotYet(String),
}

/// The meaning of a step's outcome.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Continue with the next step.
    Continue,
    /// The order fails.
    TurnBack {
        /// Why.
        failure: Failure,
        /// Whether this step's own compensation is due; otherwise the step did nothing, and the previous compensation is due.
        undo_this: bool,
    },
    /// Retry later.
    Wait,
}

impl Verdict {
    /// The order fails, and the step may have been done.
    pub fn undo(failure: Failure) -> Self {
        Self::TurnBack {
            failure,
            undo_this: true,
        }
    }

    /// The order fails, and the step has certainly done nothing.
    pub fn undo_earlier(failure: Failure) -> Self {
        Self::TurnBack {
            failure,
            undo_this: false,
        }
    }
}

/// The outcome of a compensation.
#[derive(Debug, Clone, PartialEq)]
pub enum Undone {
    /// Undone, or there was nothing to undo.
    Done(Receipt),
    /// Not yet: the cause.
    NotYet(String),
    /// It can no longer be undone: the order stays, and is confirmed.
    Impossible {
        /// The result that the order keeps.
        receipt: Receipt,
        /// Why, for the customer.
        detail: &'static str,
    },
}
