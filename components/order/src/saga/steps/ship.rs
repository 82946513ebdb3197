//! The parcel is handed to the carrier; undone by cancelling the shipment.

use serde_json::json;

use crate::clients::outcome::{CallFailure, Refusal};
use crate::domain::{Failure, Order, Reason, Receipt, Shipment};
use crate::saga::failures;
use crate::saga::step::{Compensation, Saga, Step, Undone, Verdict};

/// Hands the parcel to the carrier.
pub(super) struct Ship;

impl Step for Ship {
    fn word(&self) -> &'static str {
        "shipping"
    }

    fn peer(&self) -> &'static str {
        "shipping"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Receipt, CallFailure> {
        saga.clients.shipping.ship(order).map(Receipt::Shipment)
    }

    fn refused(&self, refusal: Refusal) -> Verdict {
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
    fn word(&self) -> &'static str {
        "cancelling_shipment"
    }

    fn call(&self, saga: &Saga<'_>, order: &Order) -> Result<Undone, CallFailure> {
        let shipments = &saga.clients.shipping;
        let known = match &order.shipment {
            Some(shipment) => Some(shipment.clone()),
            None => shipments.of_order(order.order_id)?,
        };
        let Some(shipment) = known else {
            return Ok(saga.nothing_to_undo(order));
        };
        match shipments.cancel(order, shipment.shipment_id) {
            Ok(cancelled) => Ok(Undone::Done(Receipt::Shipment(cancelled))),
            // The goods are back, and an operator has decided to refund the money too.
            Err(CallFailure::Refused(refusal)) if by_operator(order) && is_returned(&refusal) => {
                Ok(Undone::Done(Receipt::Shipment(Shipment {
                    status: "returned".to_owned(),
                    ..shipment
                })))
            }
            Err(CallFailure::Refused(refusal)) if refusal.code == "handed_over" => {
                Ok(Undone::Impossible {
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
