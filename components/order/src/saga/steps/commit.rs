//! The step that commits the stock: the stock leaves the warehouse. The compensation of the step `reserving` returns the stock.

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Order, Receipt};
use crate::saga::failures;
use crate::saga::step::{Saga, Step, Verdict};

/// The step that commits the reservation.
pub(super) struct Commit;

impl Step for Commit {
    fn name(&self) -> &'static str {
        "committing"
    }

    fn peer(&self) -> &'static str {
        "inventory"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.inventory.commit(order)?;
        Ok(Receipt::Nothing)
    }

    fn on_refusal(&self, refusal: Refusal) -> Verdict {
        Verdict::undo(failures::out_of_stock(&refusal))
    }
}
