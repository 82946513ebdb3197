//! A typed client for each neighbour. That of a service is named for it (`OrderClient`), that of a third party for its role.

mod inventory;
mod order;
mod pim;

pub use inventory::{InventoryClient, TIMEOUT as INVENTORY_TIMEOUT};
pub use order::{Line, OrderClient, Purchase, TIMEOUT as ORDER_TIMEOUT};
pub use pim::{Pim, TIMEOUT as PIM_TIMEOUT};
