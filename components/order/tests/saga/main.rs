//! Tests the saga together with the services that it calls: the possible ends of an order, failures, and recovery.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "an unexpected value must fail the test"
)]

mod carts;
mod charges;
mod costs;
mod crashes;
mod ends;
mod net;
mod races;
mod releases;
mod requests;
mod ways_back;
mod world;
