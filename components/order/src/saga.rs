//! The saga: an order runs through a list of steps. The driver writes each step to the database before the attempt and after it.
//!
//! ```text
//! forward:       reserving > extending > charging > committing > shipping > confirmed
//!                    |           |          |           |           |
//!                    v           v          v           v           v
//! compensating:  releasing   releasing  refunding   refunding   cancelling_shipment
//!
//!                cancelling_shipment > refunding > releasing > cancelled
//! ```
//!
//! | file | content |
//! |---|---|
//! | [`steps`] | The list of the steps. Each file in `steps/` has one step and its compensation. |
//! | [`step`] | The traits of steps and compensations. |
//! | [`plan`] | The position of an order in the list of steps. |
//! | [`transition`] | The next state of an order after an outcome, as pure functions. |
//! | [`driver`] | The loop that makes the call of each step and writes its outcome, until the order ends or must wait. |
//! | [`lease`] | The lease, which lets only one driver work on an order at a time. |
//! | [`recovery`] | The operation that resumes the orders without a driver. |
//! | [`cancellation`] | The cancellation of an order by its customer or an operator. |
//! | [`cart`] | The removal of the ordered items from the customer's cart. |
//! | [`failures`] | The failures that several steps share. |
//!
//! Two cases differ from this scheme. While the outcome of an order's charge is unknown, the order waits. Such a charge is never
//! treated as a decline, and it is looked up before a compensation. If the carrier already has the parcel, a cancellation ends
//! with a confirmed order.

pub mod cancellation;
pub mod cart;
pub mod driver;
pub mod failures;
pub mod lease;
pub mod plan;
pub mod recovery;
pub mod step;
pub mod steps;
pub mod transition;
