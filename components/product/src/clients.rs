//! A typed client for each neighbour.

mod inventory;
mod order;
mod pim;

pub use inventory::{Inventory, TIMEOUT as INVENTORY_TIMEOUT};
pub use order::{Line, Order, Purchase, TIMEOUT as ORDER_TIMEOUT};
pub use pim::{Pim, TIMEOUT as PIM_TIMEOUT};
