//! The step that reserves stock, and its compensation, which releases the stock. If the stock is already committed, the
//! compensation moves it back into the warehouse.

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Order, Receipt};
use crate::saga::failures;
use crate::saga::step::{Compensation, Obstacle, Saga, Step, UndoOutcome, Verdict};

/// The step that reserves the stock for all lines of the order, or for none.
pub(super) struct Reserve;

impl Step for Reserve {
    fn name(&self) -> &'static str {
        "reserving"
    }

    fn peer(&self) -> &'static str {
        "inventory"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.inventory.reserve(order)?;
        Ok(Receipt::Nothing)
    }

    fn obstacle_to_retry(&self, saga: &Saga<'_>, order: &Order) -> Option<Obstacle> {
        saga.overdue(order)
    }

    fn on_refusal(&self, refusal: Refusal) -> Verdict {
        match refusal.code.as_str() {
            // The reservation expired before the order was resumed. The next step extends the reservation, which reserves the stock
            // again or reports that too few units are left.
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
    fn name(&self) -> &'static str {
        "releasing"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<UndoOutcome, CallFailure> {
        saga.clients.inventory.release(order)?;
        Ok(UndoOutcome::Done(Receipt::Nothing))
    }
}
