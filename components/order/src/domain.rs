//! Types and rules, pure: an order, where it stands, and why it fails.
//!
//! [`order`] is the whole, [`status`] its words for where it stands, [`timeline`] what happened to it, [`failure`] why it is
//! cancelled, and [`step_name`] how a step of the saga is named in all of them.

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
