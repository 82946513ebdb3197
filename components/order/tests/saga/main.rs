//! The saga against the services that it calls: each end, each failure, and the result of recovery.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test cannot read fails it"
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
