//! The invariants of a shop that loses nothing and never charges twice.

use crate::invariant::Invariant;
use crate::judge::{lateness, money, parcels, reservations, stock};

/// All invariants, in the order of the report.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        name: "charge-has-order",
        means: "a capture belongs to a payment, and a payment to an order, for its total",
        check: money::charge_has_order,
    },
    Invariant {
        name: "charged-once",
        means: "an order has at most one capture that is not refunded",
        check: money::charged_once,
    },
    Invariant {
        name: "confirmed-is-paid",
        means: "a confirmed order is captured once, and not refunded",
        check: money::confirmed_is_paid,
    },
    Invariant {
        name: "cancelled-costs-nothing",
        means: "a cancelled order was not charged, or all of it was refunded",
        check: money::cancelled_costs_nothing,
    },
    Invariant {
        name: "reservation-has-order",
        means: "stock that is held or sold has an order, or its hold will expire",
        check: reservations::reservation_has_order,
    },
    Invariant {
        name: "confirmed-is-committed",
        means: "a confirmed order's items have left the stock",
        check: reservations::confirmed_is_committed,
    },
    Invariant {
        name: "cancelled-holds-nothing",
        means: "a cancelled order holds no stock and has taken none",
        check: reservations::cancelled_holds_nothing,
    },
    Invariant {
        name: "hold-expires",
        means: "no stock is held past its expiry",
        check: reservations::hold_expires,
    },
    Invariant {
        name: "stock-in-range",
        means: "0 <= reserved <= on_hand, and available is the difference",
        check: stock::stock_in_range,
    },
    Invariant {
        name: "stock-adds-up",
        means: "on_hand + sold - returned = supplied",
        check: stock::stock_adds_up,
    },
    Invariant {
        name: "reserved-is-held",
        means: "reserved is the sum of what reservations hold",
        check: stock::reserved_is_held,
    },
    Invariant {
        name: "sold-is-committed",
        means: "sold and returned are the sums of committed and returned reservations",
        check: stock::sold_is_committed,
    },
    Invariant {
        name: "parcel-has-order",
        means: "a parcel belongs to a shipment, and a shipment to an order",
        check: parcels::parcel_has_order,
    },
    Invariant {
        name: "confirmed-is-shipped",
        means: "a confirmed order has one shipment with one parcel on its way",
        check: parcels::confirmed_is_shipped,
    },
    Invariant {
        name: "returned-is-refunded",
        means: "a confirmed order's parcel did not come back",
        check: parcels::returned_is_refunded,
    },
    Invariant {
        name: "cancelled-ships-nothing",
        means: "a cancelled order has no parcel on its way",
        check: parcels::cancelled_ships_nothing,
    },
    Invariant {
        name: "order-ends",
        means: "no order is pending for longer than --stuck-after",
        check: lateness::order_ends,
    },
    Invariant {
        name: "event-arrives",
        means: "no event or message waits for longer than --undelivered-after",
        check: lateness::event_arrives,
    },
];
