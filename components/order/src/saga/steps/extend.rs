//! The step that extends the reservation, so that it expires only after the last moment at which the order may be charged.

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Order, Receipt};
use crate::saga::failures;
use crate::saga::step::{Obstacle, Saga, Step, Verdict};

/// The step that extends the reservation. If the reservation has expired, the stock is reserved again.
pub(super) struct Extend;

impl Step for Extend {
    fn name(&self) -> &'static str {
        "extending"
    }

    fn peer(&self) -> &'static str {
        "inventory"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.inventory.extend(order, saga.hold_seconds)?;
        Ok(Receipt::Nothing)
    }

    fn obstacle_to_retry(&self, saga: &Saga<'_>, order: &Order) -> Option<Obstacle> {
        saga.overdue(order)
    }

    fn on_refusal(&self, refusal: Refusal) -> Verdict {
        Verdict::undo(failures::out_of_stock(&refusal))
    }
}
