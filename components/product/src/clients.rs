//! A typed client for each dependency. It is named after the service (`OrderClient`), or after the role of a third party.

mod inventory;
mod order;
mod pim;

pub use inventory::{InventoryClient, TIMEOUT as INVENTORY_TIMEOUT};
pub use order::{Line, OrderClient, Purchase, TIMEOUT as ORDER_TIMEOUT};
pub use pim::{Pim, TIMEOUT as PIM_TIMEOUT};
