//! The saga: an order is a row of steps. Each is written before it is tried and again when it is done.
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
//! | [`step`] | the traits of steps and compensations |
//! | [`plan`] | the position of an order in the list of steps |
//! | [`transition`] | the effect of a step's outcome, pure |
//! | [`driver`] | writes the intent, makes the call, writes the outcome with the next intent, until the order ends or waits |
//! | [`lease`] | one driver at a time |
//! | [`recovery`] | resumes the orders without a driver |
//! | [`cancellation`] | turns an order around for its customer or an operator |
//! | [`cart`] | removes the ordered items from the cart |
//! | [`failures`] | reasons that several steps share |
//!
//! Two cases are different. A charge with an unknown outcome waits: it is never treated as a decline and never compensated
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
