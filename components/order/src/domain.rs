//! The types of an order, without input or output.
//!
//! [`order`] defines the whole order, [`status`] its status and direction, and [`timeline`] its history. [`failure`] defines the
//! reasons for a cancellation, and [`step_name`] the name of a saga step.

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
