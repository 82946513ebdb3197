//! The stock leaves the warehouse. The release of the reservation brings it back.

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Order, Receipt};
use crate::saga::failures;
use crate::saga::step::{Saga, Step, Verdict};

/// Commits the reservation.
pub(super) struct Commit;

impl Step for Commit {
    fn word(&self) -> &'static str {
        "committing"
    }

    fn peer(&self) -> &'static str {
        "inventory"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.inventory.commit(order)?;
        Ok(Receipt::Nothing)
    }

    fn refused(&self, refusal: Refusal) -> Verdict {
        Verdict::undo(failures::out_of_stock(&refusal))
    }
}
