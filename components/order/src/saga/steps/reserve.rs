//! Stock is reserved; undone by a release, which also returns committed stock.

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Order, Receipt};
use crate::saga::failures;
use crate::saga::step::{Compensation, Obstacle, Saga, Step, Undone, Verdict};

/// Reserves all lines or none.
pub(super) struct Reserve;

impl Step for Reserve {
    fn word(&self) -> &'static str {
        "reserving"
    }

    fn peer(&self) -> &'static str {
        "inventory"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.inventory.reserve(order)?;
        Ok(Receipt::Nothing)
    }

    fn reconsider(&self, saga: &Saga<'_>, order: &Order) -> Option<Obstacle> {
        saga.overdue(order)
    }

    fn refused(&self, refusal: Refusal) -> Verdict {
        match refusal.code.as_str() {
            // It expired before the order was resumed: extending takes the stock again, or reports that it is gone.
            "reservation_closed" => Verdict::Continue,
            "insufficient_stock" => Verdict::undo(failures::out_of_stock(&refusal)),
            _ => Verdict::undo(failures::unavailable(self.peer())),
        }
    }

    fn compensation(&self) -> Option<&'static dyn Compensation> {
        Some(&Release)
    }
}

struct Release;

impl Compensation for Release {
    fn word(&self) -> &'static str {
        "releasing"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Undone, CallFailure> {
        saga.clients.inventory.release(order)?;
        Ok(Undone::Done(Receipt::Nothing))
    }
}
