//! The step that hands the parcel to the carrier, and its compensation, the cancellation of the shipment.

use serde_json::json;

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Failure, Order, Reason, Receipt, Shipment};
use crate::saga::failures;
use crate::saga::step::{Compensation, Saga, Step, UndoOutcome, Verdict};

/// The step that hands the parcel to the carrier.
pub(super) struct Ship;

impl Step for Ship {
    fn name(&self) -> &'static str {
        "shipping"
    }

    fn peer(&self) -> &'static str {
        "shipping"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.shipping.ship(order).map(Receipt::Shipment)
    }

    fn on_refusal(&self, refusal: Refusal) -> Verdict {
        match refusal.code.as_str() {
            "address_refused" => {
                Verdict::undo_earlier(Failure::new(Reason::AddressRefused, refusal.detail))
            }
            _ => Verdict::undo(failures::unavailable(self.peer())),
        }
    }

    fn compensation(&self) -> Option<&'static dyn Compensation> {
        Some(&CancelShipment)
    }
}

struct CancelShipment;

impl Compensation for CancelShipment {
    fn name(&self) -> &'static str {
        "cancelling_shipment"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<UndoOutcome, CallFailure> {
        let shipments = &saga.clients.shipping;
        let known = match &order.shipment {
            Some(shipment) => Some(shipment.clone()),
            None => shipments.of_order(order.order_id)?,
        };
        let Some(shipment) = known else {
            return Ok(saga.nothing_to_undo(order));
        };
        match shipments.cancel(order, shipment.shipment_id) {
            Ok(cancelled) => Ok(UndoOutcome::Done(Receipt::Shipment(cancelled))),
            // An operator cancels an order whose parcel was returned, to refund the money. So this rejection completes the
            // compensation.
            Err(CallFailure::Refused(refusal)) if by_operator(order) && is_returned(&refusal) => {
                Ok(UndoOutcome::Done(Receipt::Shipment(Shipment {
                    status: "returned".to_owned(),
                    ..shipment
                })))
            }
            Err(CallFailure::Refused(refusal)) if refusal.code == "handed_over" => {
                Ok(UndoOutcome::Impossible {
                    receipt: Receipt::Shipment(shipment),
                    detail: "the carrier already has the parcel",
                })
            }
            Err(failure) => Err(failure),
        }
    }
}

fn by_operator(order: &Order) -> bool {
    let failure = order.failure.as_ref();
    failure.is_some_and(|failure| failure.reason == Reason::CancelledByOperator)
}

fn is_returned(refusal: &Refusal) -> bool {
    refusal.members.get("shipment_status") == Some(&json!("returned"))
}
