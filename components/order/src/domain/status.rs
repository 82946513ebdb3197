//! The status of an order.

use serde::Serialize;
use strum::{EnumString, IntoStaticStr};

/// The status of an order in the customer's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// In progress.
    Pending,
    /// Paid and handed to shipping.
    Confirmed,
    /// Nothing is charged and nothing is reserved. Final.
    Cancelled,
}

/// The direction in which a pending order is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Direction {
    /// Towards `confirmed`.
    Forward,
    /// Towards `cancelled`.
    Compensating,
}
