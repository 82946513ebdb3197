//! The saga: an order is a row of steps, each written down before it is tried and again when it is done.
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
//! | file | what |
//! |---|---|
//! | [`steps`] | the list of the steps, in order; `steps/*.rs`: one step each, with its compensation |
//! | [`step`] | what a step is |
//! | [`plan`] | what precedes and what follows in a list of steps |
//! | [`transition`] | what follows from a step's outcome, pure |
//! | [`driver`] | intent written, call made, outcome written with the next intent, until the order ends or waits |
//! | [`lease`] | one driver at a time |
//! | [`recovery`] | resumes the orders that nobody drives |
//! | [`cancellation`] | turns an order around for its customer or an operator |
//! | [`cart`] | takes what was ordered out of the cart |
//! | [`failures`] | reasons that several steps share |
//!
//! Two things go the other way. A charge whose outcome is unknown waits: it is never taken for a decline and never compensated
//! blindly. A shipment that the carrier already has turns a cancellation back into a confirmed order.

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
