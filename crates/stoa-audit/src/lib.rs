//! An auditor: it reads all services of a running shop through their interfaces, as an operator may, and checks that what they
//! say of orders, money, stock and parcels agrees. It only reads; that a look at the stock gives back what has run out is
//! inventory's doing, whoever looks.
//!
//! What moves while it looks is no breach. A look reads in an order that makes every check one-sided: orders first and last, and what
//! they rest on in between, so that only what stood still is judged; and stock between two readings of what moves it. What looks
//! wrong is looked at again after a while ([`Options::look_again_after`]), and is a breach only if it is wrong both times.
//!
//! Read in this order:
//! - `invariants.rs`: what is checked; `money.rs`, `reservations.rs`, `stock.rs`, `parcels.rs` and `lateness.rs` in `judge/`: how.
//! - `look.rs`: what is read, and in which order; `record.rs`: of it, what is kept.
//! - `auditor.rs`: looks, and looks again.
//! - `verdict.rs`: what is said of it; `report.rs` for people, `metrics.rs` for Prometheus.
//! - `shop.rs`: HTTP; `watch.rs`: an audit every so often, and a page of metrics.
#![forbid(unsafe_code)]

mod auditor;
mod invariants;
mod judge;
mod look;
mod metrics;
mod record;
mod report;
mod shop;
mod verdict;
mod watch;

pub use auditor::{Auditor, Options, ThirdParties, audit};
pub use invariants::{INVARIANTS, Invariant};
pub use metrics::{CONTENT_TYPE, Tally};
pub use report::{report, summary};
pub use shop::AuditError;
pub use verdict::{Breach, Judgement, Verdict};
pub use watch::{Page, serve, watch};
