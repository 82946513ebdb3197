//! A typed client for each service that the service `cart` calls.

pub mod inventory;
pub mod product;
