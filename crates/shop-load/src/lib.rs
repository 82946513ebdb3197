//! Load for the shop: customers who browse and buy, at a given number or rate, and check each answer. `stoa load` is its command
//! line.
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
//! **Closed or open.** In the closed loop ([`Load::Closed`]) every user waits for an answer before the next request: a shop that
//! stalls gets fewer requests, and the percentiles hardly show the stall. In the open loop ([`Load::Open`]) customers arrive by a
//! schedule that does not depend on the shop, and latency counts from when a request was due, not from when it was sent: it is free of
//! coordinated omission. Each later request of a journey is due at the end of its customer's pause.
//!
//! **Layout.** [`Plan`] is the input, [`Report`] the result. Inside: `run` has both loops, `schedule` the arrivals, `journey` the
//! customers' steps, `session` sends requests, `sign_in` provides accounts, `check` checks answers (pure), `record` counts, `world` is
//! the state that customers share, and [`Transport`] is the way to the shop. Read `journey/buy.rs` first.

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
    Ended, Journeys, Kind, Latency, Measured, Orders, Preparation, Report, StepReport, WrongAnswers,
};
pub use restock::{RestockError, restock};
pub use run::{RunError, run, run_over};
pub use step::Step;
pub use stop::Stop;
pub use table::table;
pub use target::Target;
pub use transport::{Http, NoAnswer, Transport};
pub use wire::Money;
