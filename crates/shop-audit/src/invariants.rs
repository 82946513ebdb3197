//! The invariants of a shop that loses nothing and never charges twice.

use crate::invariant::Invariant;
use crate::judge::{lateness, money, parcels, reservations, stock};

/// All invariants, in the order of the report.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        name: "charge-has-order",
        means: "the amount of a capture is its payment's amount, and the amount of a payment is its order's total",
        check: money::charge_has_order,
    },
    Invariant {
        name: "charged-once",
        means: "an order has at most one capture that is not refunded",
        check: money::charged_once,
    },
    Invariant {
        name: "confirmed-is-paid",
        means: "a confirmed order's money was captured once, and not refunded",
        check: money::confirmed_is_paid,
    },
    Invariant {
        name: "cancelled-costs-nothing",
        means: "a cancelled order was not charged, or its money was refunded in full",
        check: money::cancelled_costs_nothing,
    },
    Invariant {
        name: "reservation-has-order",
        means: "held or sold stock belongs to an order, or the hold will expire",
        check: reservations::reservation_has_order,
    },
    Invariant {
        name: "confirmed-is-committed",
        means: "a confirmed order's items have left the stock",
        check: reservations::confirmed_is_committed,
    },
    Invariant {
        name: "cancelled-holds-nothing",
        means: "a cancelled order has no held or committed reservation",
        check: reservations::cancelled_holds_nothing,
    },
    Invariant {
        name: "hold-expires",
        means: "no reservation holds stock after the reservation's expiry",
        check: reservations::hold_expires,
    },
    Invariant {
        name: "stock-in-range",
        means: "0 <= reserved <= on_hand, and available = on_hand - reserved",
        check: stock::stock_in_range,
    },
    Invariant {
        name: "stock-adds-up",
        means: "on_hand + sold - returned = supplied",
        check: stock::stock_adds_up,
    },
    Invariant {
        name: "reserved-is-held",
        means: "reserved is the sum of the held reservations",
        check: stock::reserved_is_held,
    },
    Invariant {
        name: "sold-is-committed",
        means: "sold is the sum of the committed and the returned reservations; returned is the sum of the returned reservations",
        check: stock::sold_is_committed,
    },
    Invariant {
        name: "parcel-has-order",
        means: "a parcel belongs to a shipment, and a shipment to an order",
        check: parcels::parcel_has_order,
    },
    Invariant {
        name: "confirmed-is-shipped",
        means: "a confirmed order has one active shipment with one parcel",
        check: parcels::confirmed_is_shipped,
    },
    Invariant {
        name: "returned-is-refunded",
        means: "an order whose parcel came back does not stay confirmed",
        check: parcels::returned_is_refunded,
    },
    Invariant {
        name: "cancelled-ships-nothing",
        means: "a cancelled order has no active shipment or parcel",
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
