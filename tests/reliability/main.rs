//! The shop's promises under failures: nothing is lost, nothing is charged twice, nothing is sold that is not in stock.
//!
//! - `crowd.rs`: many concurrent customers.
//! - `double_submit.rs`, `flash_sale.rs`: the same request many times, many requests for the same item.
//! - `crashes.rs`: the program killed under load; `fail_points.rs`: killed at every step of an order.
//! - `lost_answers.rs`: dependencies that are late, or down.
//! - `books.rs`: the final balance, with the third parties' ledgers as the oracle.
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
