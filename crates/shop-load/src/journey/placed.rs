//! An order that has a result.

use crate::answer::Answer;
use crate::failure::Refusal;
use crate::request::ShopRequest;
use crate::wire::Order;

/// An order that has a result.
pub(super) struct Placed {
    /// The request, for a repeat.
    pub(super) request: ShopRequest,
    pub(super) result: PlacedResult,
}

/// The result of an order.
pub(super) enum PlacedResult {
    Confirmed(Order),
    Refused(Refusal),
}

impl Placed {
    /// The parcel's number, if the order is confirmed and the carrier assigned one.
    pub(super) fn tracking_number(&self) -> Option<&String> {
        match &self.result {
            PlacedResult::Confirmed(order) => order.shipment.as_ref()?.tracking_number.as_ref(),
            PlacedResult::Refused(_) => None,
        }
    }
}

/// The rejections that an order may get.
pub(super) fn refusal(answer: &Answer) -> Option<Refusal> {
    answer
        .refusal(402, &["payment_declined"])
        .or_else(|| answer.refusal(409, &["insufficient_stock", "request_in_progress"]))
}
