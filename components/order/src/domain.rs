//! Types and rules, pure: an order, its status, and why it fails.
//!
//! [`order`] is the whole order, [`status`] its statuses, [`timeline`] its history, [`failure`] the reason for a cancellation,
//! and [`step_name`] the name of a saga step in all of them.

pub mod failure;
pub mod order;
pub mod status;
pub mod step_name;
pub mod timeline;

pub use failure::{Failure, Reason};
pub use order::{Address, Customer, Item, Lease, Order, Payment, Receipt, Shipment};
pub use status::{Direction, Status};
pub use step_name::{FailPoint, Moment, StepName};
pub use timeline::{Entry, EntryStatus};
