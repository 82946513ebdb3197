//! The reservation is extended past the last moment at which the order may be charged.

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Order, Receipt};
use crate::saga::failures;
use crate::saga::step::{Obstacle, Saga, Step, Verdict};

/// Extends the reservation. An expired one takes its stock again.
pub(super) struct Extend;

impl Step for Extend {
    fn word(&self) -> &'static str {
        "extending"
    }

    fn peer(&self) -> &'static str {
        "inventory"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.inventory.extend(order, saga.hold_seconds)?;
        Ok(Receipt::Nothing)
    }

    fn reconsider(&self, saga: &Saga<'_>, order: &Order) -> Option<Obstacle> {
        saga.overdue(order)
    }

    fn refused(&self, refusal: Refusal) -> Verdict {
        Verdict::undo(failures::out_of_stock(&refusal))
    }
}
