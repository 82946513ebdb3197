//! The status of an order, and whether its saga runs forward or compensates.

use serde::Serialize;
use strum::{EnumString, IntoStaticStr};

/// The status of an order in the customer's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// The order is in progress: its outcome is not decided yet.
    Pending,
    /// The order is paid, and its parcel is handed to the carrier.
    Confirmed,
    /// The order has ended: nothing stays charged, and no stock stays reserved. This status is final.
    Cancelled,
}

/// Whether the driver runs the steps of a pending order, or compensates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Direction {
    /// The driver runs the steps, towards the status `confirmed`.
    Forward,
    /// The driver undoes the steps, towards the status `cancelled`.
    Compensating,
}
