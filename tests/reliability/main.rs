//! What the shop promises when things go wrong: nothing is lost, nothing is charged twice, nothing is sold that is not there.
//!
//! - `crowd.rs`: many customers at once.
//! - `double_submit.rs`, `flash_sale.rs`: the same request many times, many requests for the same thing.
//! - `crashes.rs`: the program killed under load; `fail_points.rs`: killed at every step of an order.
//! - `lost_answers.rs`: others who are late, or down.
//! - `books.rs`: what must add up in the end, with the third parties' ledgers as the oracle.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what these lints allow in tests, also in what the tests share"
)]

mod books;
mod crashes;
mod crowd;
#[path = "../customer.rs"]
mod customer;
mod double_submit;
mod fail_points;
mod flash_sale;
mod lost_answers;
