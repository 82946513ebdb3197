//! Load for a shop: customers who browse and buy, as many or as often as is asked for, and who check what they are
//! answered. `stoa load` is its command line.
//!
//! ```no_run
//! # async fn load() -> Result<(), Box<dyn std::error::Error>> {
//! use stoa_load::{Plan, Stop, run, table};
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
//! **Closed or open.** In the closed loop ([`Load::Closed`]) every user waits for an answer before he goes on: a shop that
//! stalls is asked less, and the percentiles hardly show it. In the open loop ([`Load::Open`]) customers come by a schedule
//! that knows nothing of the shop, and times count from when a request was due, not from when it was sent: they are free
//! of coordinated omission. What a journey asks after its first answer is due when its customer has thought about it.
//!
//! **Layout.** [`Plan`] is what is asked for, [`Report`] what came out. Inside: `run` has both loops, `schedule` says when
//! who comes, `journey` what customers do, `session` sends, `check` judges answers (pure), `record` counts, and
//! [`Transport`] is the way to the shop. Read `journey/buy.rs` first.

mod account;
mod answer;
mod bar;
mod check;
mod counts;
mod journey;
mod orders;
mod plan;
mod progress;
mod record;
mod report;
mod restock;
mod run;
mod schedule;
mod session;
mod step;
mod stop;
mod table;
mod transport;
mod wire;

pub use bar::Bar;
pub use orders::{OrderRecord, Outcome};
pub use plan::{Load, Plan, Target};
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
pub use transport::{Http, NoAnswer, Transport};
pub use wire::Money;
