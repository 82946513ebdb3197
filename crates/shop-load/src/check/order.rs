//! Checks of orders and parcels.

use jiff::Timestamp;

use super::ensure::{CheckResult, ensure};
use super::lines::{Basket, lines};
use crate::wire::{Order, Product, Tracking};

/// Checks a confirmed order: it has the items of the cart at the catalogue's prices, and it is paid and shipped.
pub(crate) fn confirmed(order: &Order, basket: &Basket, catalogue: &[Product]) -> CheckResult {
    let id = order.order_id;
    ensure(order.status == "confirmed", || {
        format!(
            "order {id}: the response has status 201, but the order is {}",
            order.status
        )
    })?;
    lines(&order.items, Some(&order.total), basket, catalogue)
        .map_err(|error| format!("order {id}: {error}"))?;
    match &order.payment {
        None => return Err(format!("order {id} is confirmed without a payment")),
        Some(payment) => ensure(payment.status == "captured", || {
            format!(
                "order {id} is confirmed, but its payment is {}",
                payment.status
            )
        })?,
    }
    match &order.shipment {
        None => return Err(format!("order {id} is confirmed without a shipment")),
        Some(shipment) => ensure(
            !matches!(shipment.status.as_str(), "refused" | "cancelled"),
            || {
                format!(
                    "order {id} is confirmed, but its shipment is {}",
                    shipment.status
                )
            },
        )?,
    }
    let has_confirmed_step = order
        .timeline
        .iter()
        .any(|e| (e.step.as_str(), e.status.as_str()) == ("confirmed", "done"));
    ensure(has_confirmed_step, || {
        format!("order {id} is confirmed, but its timeline has no step `confirmed` that is done")
    })?;
    ensure(order.created_at.parse::<Timestamp>().is_ok(), || {
        format!(
            "order {id}: created_at: `{}` is not a timestamp",
            order.created_at
        )
    })
}

/// Checks that an order is the same as in `first`, the response that confirmed the order. Only the shipment may differ: it may have
/// another status, or a tracking number that was missing in `first`.
pub(crate) fn unchanged(order: &Order, first: &Order) -> CheckResult {
    let id = first.order_id;
    let differs = |member: &str| {
        Err(format!(
            "order {id}: {member} differs from the first response"
        ))
    };
    if order.order_id != first.order_id {
        return Err(format!(
            "order_id: {}, but the first response had {id}",
            order.order_id
        ));
    }
    if order.status != first.status {
        return differs("status");
    }
    if order.items != first.items {
        return differs("items");
    }
    if order.total != first.total {
        return differs("total");
    }
    if order.payment != first.payment {
        return differs("payment");
    }
    if order.created_at != first.created_at {
        return differs("created_at");
    }
    match (&order.shipment, &first.shipment) {
        (None, None) => Ok(()),
        (Some(shipment), Some(first))
            if shipment.shipment_id == first.shipment_id
                && (first.tracking_number.is_none()
                    || shipment.tracking_number == first.tracking_number) =>
        {
            Ok(())
        }
        _ => differs("shipment"),
    }
}

/// Checks that an order which the shop rejected is not confirmed, and that its payment is not captured.
pub(crate) fn refused(order: &Order) -> CheckResult {
    let id = order.order_id;
    ensure(order.status != "confirmed", || {
        format!("order {id} was rejected, but is confirmed")
    })?;
    let captured = order
        .payment
        .as_ref()
        .is_some_and(|p| p.status == "captured");
    ensure(order.status == "pending" || !captured, || {
        format!("order {id} was rejected, but its payment is captured")
    })
}

/// Checks that the response has the requested tracking number.
pub(crate) fn tracking(tracking: &Tracking, number: &str) -> CheckResult {
    ensure(tracking.tracking_number == number, || {
        format!(
            "tracking_number: {}, expected {number}",
            tracking.tracking_number
        )
    })
}
