//! The auditor of the shop. It reads all services of a running shop with an operator's permissions, and checks that their records
//! of orders, money, stock and parcels agree. The auditor only reads. (Whenever a client reads the stock, the service `inventory`
//! releases reservations that have expired.)
//!
//! Changes during an audit are not a breach. Orders are read first and last, and the records of an order are read in between. Only
//! orders whose status is equal in both reads are checked. Stock is read between two reads of the records that change the stock. A
//! suspect causes another snapshot after [`Options::recheck_after`]; the suspect becomes a breach only if both snapshots find it
//! wrong.
//!
//! The files, in a good order for reading:
//! - `invariants.rs` lists the invariants. Their checks are in `judge/`: `money.rs`, `reservations.rs`, `stock.rs`, `parcels.rs`
//!   and `lateness.rs`. The other files of `judge/` group and describe records for these checks.
//! - `snapshot.rs` reads the shop's records, in a fixed order. `record/` has the types of the records.
//! - `auditor.rs` takes snapshots until every suspect is confirmed or cleared. `options.rs` has the bounds, such as the longest
//!   time that an order may be pending.
//! - `verdict.rs` and `judgement.rs` have the result. `report.rs` renders the result for people, `metrics.rs` for Prometheus.
//! - `client.rs` is the HTTP client. `watch.rs` audits at an interval, and `page.rs` serves the metrics.
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
