//! One typed client for each service that a cart calls.

pub mod inventory;
pub mod product;
