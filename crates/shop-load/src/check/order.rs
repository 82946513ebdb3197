//! Orders and parcels.

use jiff::Timestamp;

use super::ensure::{Checked, ensure};
use super::lines::{Basket, lines};
use crate::wire::{Order, Product, Tracking};

/// A confirmed order: of the items in the cart, at their prices, paid and shipped.
pub(crate) fn confirmed(order: &Order, basket: &Basket, catalogue: &[Product]) -> Checked {
    let id = order.order_id;
    ensure(order.status == "confirmed", || {
        format!("order {id} is answered with 201 and is {}", order.status)
    })?;
    lines(&order.items, Some(&order.total), basket, catalogue)
        .map_err(|wrong| format!("order {id}: {wrong}"))?;
    match &order.payment {
        None => return Err(format!("order {id} is confirmed without a payment")),
        Some(payment) => ensure(payment.status == "captured", || {
            format!("order {id} is confirmed, its payment {}", payment.status)
        })?,
    }
    match &order.shipment {
        None => return Err(format!("order {id} is confirmed without a shipment")),
        Some(shipment) => ensure(
            !matches!(shipment.status.as_str(), "refused" | "cancelled"),
            || format!("order {id} is confirmed, its shipment {}", shipment.status),
        )?,
    }
    let ended = order
        .timeline
        .iter()
        .any(|e| (e.step.as_str(), e.status.as_str()) == ("confirmed", "done"));
    ensure(ended, || {
        format!("order {id} is confirmed, and its timeline is not")
    })?;
    ensure(order.created_at.parse::<Timestamp>().is_ok(), || {
        format!(
            "order {id}: created_at: `{}` is not a time",
            order.created_at
        )
    })
}

/// An order does not change. Its parcel moves, and gets a number later if the carrier was late.
pub(crate) fn same(now: &Order, then: &Order) -> Checked {
    let id = then.order_id;
    let differs = |what: &str| Err(format!("order {id}: {what} differs from the first answer"));
    if now.order_id != then.order_id {
        return Err(format!(
            "order {}, and the first answer was {id}",
            now.order_id
        ));
    }
    if now.status != then.status {
        return differs("status");
    }
    if now.items != then.items {
        return differs("items");
    }
    if now.total != then.total {
        return differs("total");
    }
    if now.payment != then.payment {
        return differs("payment");
    }
    if now.created_at != then.created_at {
        return differs("created_at");
    }
    match (&now.shipment, &then.shipment) {
        (None, None) => Ok(()),
        (Some(now), Some(then))
            if now.shipment_id == then.shipment_id
                && (then.tracking_number.is_none()
                    || now.tracking_number == then.tracking_number) =>
        {
            Ok(())
        }
        _ => differs("shipment"),
    }
}

/// A refused order is not confirmed, and its payment is not captured.
pub(crate) fn refused(order: &Order) -> Checked {
    let id = order.order_id;
    ensure(order.status != "confirmed", || {
        format!("order {id} was refused and is confirmed")
    })?;
    let captured = order
        .payment
        .as_ref()
        .is_some_and(|p| p.status == "captured");
    ensure(order.status == "pending" || !captured, || {
        format!("order {id} was refused, and its payment is captured")
    })
}

/// The parcel of that number.
pub(crate) fn tracking(tracking: &Tracking, number: &str) -> Checked {
    ensure(tracking.tracking_number == number, || {
        format!("parcel {}, expected {number}", tracking.tracking_number)
    })
}
