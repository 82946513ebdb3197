//! A typed client for each dependency. A client has the name of the service that it calls (`OrderClient`), or of a third party
//! (`Pim`).

mod inventory;
mod order;
mod pim;

pub use inventory::{InventoryClient, TIMEOUT as INVENTORY_TIMEOUT};
pub use order::{Line, OrderClient, Purchase, TIMEOUT as ORDER_TIMEOUT};
pub use pim::{Pim, TIMEOUT as PIM_TIMEOUT};
