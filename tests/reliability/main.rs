//! Tests of the shop's guarantees under failures: no order is lost, no order is charged twice, and no unit is sold twice.
//!
//! - `crowd.rs` simulates many concurrent customers.
//! - `double_submit.rs` sends the same request many times, and `flash_sale.rs` sends many requests for the same item.
//! - `crashes.rs` kills the program under load, and `fail_points.rs` kills it at every step of an order.
//! - `key_rotation.rs` replaces the keys that sign tokens under load.
//! - `lost_answers.rs` tests third parties and services that are slow or down.
//! - `books.rs` compares the shop's records with the third parties' records at the end of a test.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the modules that the tests share may do the same as tests"
)]

mod books;
mod crashes;
mod crowd;
#[path = "../customer.rs"]
mod customer;
mod double_submit;
mod fail_points;
mod flash_sale;
mod key_rotation;
mod lost_answers;
