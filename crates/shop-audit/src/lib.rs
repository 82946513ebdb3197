//! An auditor: it reads all services of a running shop through their interfaces, as an operator may, and checks that their records of
//! orders, money, stock and parcels agree. It only reads; inventory itself releases expired reservations whenever a client reads the
//! stock.
//!
//! A shop that moves during an audit is not in breach. A snapshot reads in an order that makes every check one-sided. Orders are read
//! first and last, with the records they depend on in between, so only orders that did not change are checked. Stock is read between two
//! reads of the records that move it. A suspect is read again after a while ([`Options::look_again_after`]); it is a breach only if it
//! is wrong both times.
//!
//! Read in this order:
//! - `invariants.rs`: what is checked; `judge/`: how, in `money.rs`, `reservations.rs`, `stock.rs`, `parcels.rs` and `lateness.rs`
//!   (the other files there group the records that these compare).
//! - `snapshot.rs`: what is read, and in which order; `record/`: the part of each answer that is kept.
//! - `auditor.rs`: takes snapshots until every suspect is confirmed or cleared; `options.rs`: the bounds.
//! - `verdict.rs` and `judgement.rs`: the result; `report.rs` renders it for people, `metrics.rs` for Prometheus.
//! - `client.rs`: HTTP; `watch.rs`: an audit at an interval; `page.rs`: serves the metrics meanwhile.
#![forbid(unsafe_code)]

mod auditor;
mod client;
mod error;
mod invariant;
mod invariants;
mod judge;
mod judgement;
mod metrics;
mod options;
mod page;
mod record;
mod report;
mod snapshot;
mod verdict;
mod watch;

pub use auditor::{Auditor, audit};
pub use error::AuditError;
pub use invariant::Invariant;
pub use invariants::INVARIANTS;
pub use judgement::{Breach, Judgement};
pub use metrics::{CONTENT_TYPE, Tally};
pub use options::{BadVariable, Options, ThirdParties};
pub use page::{Page, serve};
pub use report::{report, summary};
pub use verdict::Verdict;
pub use watch::watch;
