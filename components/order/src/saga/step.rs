//! What a step is, and what a compensation is.

use stoa_service::time::Millis;

use super::failures;
use crate::clients::Clients;
use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Failure, Order, Reason, Receipt};

/// What steps work with.
pub struct Saga<'a> {
    /// The other services.
    pub clients: Clients<'a>,
    /// The wall clock.
    pub clock: &'a dyn Fn() -> Millis,
    /// How long a reservation has to hold, in seconds.
    pub hold_seconds: u32,
    /// After this long, in milliseconds, an order is not charged any more.
    pub max_pending: Millis,
}

impl Saga<'_> {
    /// An order that is resumed before its charge is known may have become too old.
    pub fn overdue(&self, order: &Order) -> Option<Obstacle> {
        let age = (self.clock)().saturating_sub(order.created_at);
        (age > self.max_pending).then(|| Obstacle::Failure {
            failure: Failure::new(Reason::Unresolved, "it took too long to complete the order"),
            cause: "resumed too late".to_owned(),
        })
    }

    /// For a lookup that found nothing: what was sent may still arrive, and then "there is nothing" proves nothing yet.
    pub fn nothing_to_undo(&self, order: &Order) -> Undone {
        if (self.clock)() < order.uncertain_until {
            Undone::NotYet("a request whose response was lost may still arrive".to_owned())
        } else {
            Undone::Done(Receipt::Nothing)
        }
    }
}

/// A step: a call to another service that may be repeated, what its outcome means for the order, and how it is undone.
pub trait Step: Sync {
    /// The step's word: `charging`. Never change one that was released: orders that stand at it are stored by it.
    fn word(&self) -> &'static str;

    /// The service that it calls, for people.
    fn peer(&self) -> &'static str;

    /// Makes the call.
    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure>;

    /// Before a step that is resumed is tried again: what prevents it, if anything.
    fn reconsider(&self, _saga: &Saga<'_>, _order: &Order) -> Option<Obstacle> {
        None
    }

    /// What a rejection by the service means.
    fn refused(&self, refusal: Refusal) -> Verdict;

    /// What a failure means that is not a rejection. `fresh`: no attempt was made before.
    fn failed(&self, _failure: &CallFailure, _fresh: bool) -> Verdict {
        Verdict::undo(failures::unavailable(self.peer()))
    }

    /// What undoes the step, done or not; `None` where an earlier step's compensation does.
    fn compensation(&self) -> Option<&'static dyn Compensation> {
        None
    }
}

/// What undoes a step, and all steps since the compensation before. It is repeated until it succeeds.
pub trait Compensation: Sync {
    /// The compensation's word: `refunding`. Never change one that was released.
    fn word(&self) -> &'static str;

    /// Makes the call.
    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Undone, CallFailure>;
}

/// What prevents a step from being tried again.
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

/// What a step's outcome means.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// On to the next step.
    Continue,
    /// The order fails.
    TurnBack {
        /// Why.
        failure: Failure,
        /// Whether this step's own compensation is due; otherwise it did nothing, and the one before is.
        undo_this: bool,
    },
    /// To be tried again later.
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

/// How a compensation went.
#[derive(Debug, Clone, PartialEq)]
pub enum Undone {
    /// Undone, or there was nothing to undo.
    Done(Receipt),
    /// Not yet: the cause.
    NotYet(String),
    /// It cannot be undone any more: the order stands, and is confirmed.
    Impossible {
        /// What the order keeps.
        receipt: Receipt,
        /// Why, for the customer.
        detail: &'static str,
    },
}
