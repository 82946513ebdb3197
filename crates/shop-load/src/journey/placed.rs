//! An order that the shop confirmed or rejected.

use crate::answer::Answer;
use crate::failure::Refusal;
use crate::request::ShopRequest;
use crate::wire::Order;

/// An order that the shop confirmed or rejected.
pub(super) struct PlacedOrder {
    /// The request `POST /order` that placed the order. A repeat sends the same request again.
    pub(super) request: ShopRequest,
    pub(super) result: OrderResult,
}

/// The result of an order.
pub(super) enum OrderResult {
    Confirmed(Order),
    Refused(Refusal),
}

impl PlacedOrder {
    /// The parcel's number, if the order is confirmed and the carrier assigned one.
    pub(super) fn tracking_number(&self) -> Option<&String> {
        match &self.result {
            OrderResult::Confirmed(order) => order.shipment.as_ref()?.tracking_number.as_ref(),
            OrderResult::Refused(_) => None,
        }
    }
}

/// Returns the rejection of an order if it is a normal one, such as a declined card.
pub(super) fn expected_refusal(answer: &Answer) -> Option<Refusal> {
    answer
        .refusal(402, &["payment_declined"])
        .or_else(|| answer.refusal(409, &["insufficient_stock", "request_in_progress"]))
}
