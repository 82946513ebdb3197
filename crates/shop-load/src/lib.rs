//! A load generator for the shop. It simulates customers who browse and buy, and checks each response. A plan sets the number or
//! the rate of customers. The command `stoa load` uses this library.
//!
//! ```no_run
//! # async fn load() -> Result<(), Box<dyn std::error::Error>> {
//! use shop_load::{Plan, Stop, run, table};
//!
//! let plan = Plan::new("http://127.0.0.1:8080".parse()?);
//! let report = run(&plan, &mut |_progress| {}, &Stop::default()).await?;
//! println!("{}", table(&report));
//! for order in &report.book {
//!     println!("{:?} {:?} {:?}", order.order_id, order.outcome, order.total);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Closed loop and open loop
//! In the closed loop ([`Load::Closed`]) every user waits for a response before the next request. A shop that stalls gets fewer
//! requests, so the percentiles hardly show the stall. In the open loop ([`Load::Open`]) customers arrive by a schedule that does
//! not depend on the shop. The latency of a request then begins when the request is due, even if it is sent later, so the latencies
//! are free of coordinated omission. A customer's next request is due at the end of the pause after the previous response.
//!
//! # Modules
//! [`Plan`] is the input, and [`Report`] is the result. `run` runs the closed and the open loop, `schedule` computes the arrival
//! times, and `journey` takes the customers' steps. `session` sends requests, `sign_in` provides accounts, `check` checks
//! responses, and `record` counts and measures. `world` is the state that all customers share. [`Transport`] connects to the shop.
//! Read `journey/buy.rs` first.

mod account;
mod answer;
mod bar;
mod check;
mod counts;
mod failure;
mod interrupted;
mod journey;
mod orders;
mod plan;
mod progress;
mod record;
mod report;
mod request;
mod restock;
mod run;
mod schedule;
mod seconds;
mod session;
mod sign_in;
mod step;
mod stop;
mod table;
mod target;
mod transport;
mod wire;
mod world;

pub use bar::Bar;
pub use orders::{OrderRecord, Outcome};
pub use plan::{Load, Plan};
pub use progress::{Phase, Progress};
pub use record::WrongAnswer;
pub use report::{
    Ended, Journeys, KindCount, Latency, Measured, Orders, Preparation, Report, StepReport,
    WrongAnswers,
};
pub use restock::{RestockError, restock};
pub use run::{RunError, run, run_over};
pub use step::Step;
pub use stop::Stop;
pub use table::table;
pub use target::Target;
pub use transport::{Http, NoAnswer, Transport};
pub use wire::Money;
