//! Runs a plan: prepares the load, starts the customers, and waits at the end for the buyers whose order has no result yet.

mod closed;
mod error;
mod open;
mod prepare;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, interval};

use crate::counts::Counts;
use crate::journey;
use crate::plan::{Load, Plan};
use crate::progress::{Phase, Progress};
use crate::report::{Ended, Preparation, Report};
use crate::schedule::{StreamUser, random_stream, start_offset};
use crate::session::Session;
use crate::stop::Stop;
use crate::transport::{Http, Transport};
use crate::world::World;

pub use error::RunError;

/// Interval between two reports of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Runs a plan over HTTP. Calls `report_progress` five times a second. `stop` ends the run early.
///
/// # Errors
/// If the plan is invalid, or if the catalogue cannot be read. Failures under load are not errors; they are in the report.
pub async fn run(
    plan: &Plan,
    report_progress: &mut (dyn FnMut(&Progress) + Send),
    stop: &Stop,
) -> Result<Report, RunError> {
    run_over(plan, Http::new(&plan.target)?, report_progress, stop).await
}

/// Runs a plan like [`run`], but over the given transport.
///
/// # Errors
/// The same errors as [`run`].
pub async fn run_over<T: Transport>(
    plan: &Plan,
    transport: T,
    report_progress: &mut (dyn FnMut(&Progress) + Send),
    stop: &Stop,
) -> Result<Report, RunError> {
    let faults = plan.faults();
    if !faults.is_empty() {
        return Err(RunError::Plan(faults));
    }
    let world = Arc::new(World::new(plan.clone(), transport, stop.clone())?);
    let counts = Arc::new(Counts::default());
    let mut run = Run {
        world,
        counts,
        begun: Instant::now(),
        report_progress,
        stop,
    };
    let preparation = run.prepare().await?;
    let began_at = Timestamp::now();
    run.begun = Instant::now();
    run.world.ending.set(run.begun + plan.duration);
    let ended = run.load().await?;
    let elapsed = run.begun.elapsed();
    Ok(Report::new(
        &run.world,
        &run.counts,
        preparation,
        began_at,
        elapsed,
        ended,
    ))
}

struct Run<'a, T> {
    world: Arc<World<T>>,
    counts: Arc<Counts>,
    begun: Instant,
    report_progress: &'a mut (dyn FnMut(&Progress) + Send),
    stop: &'a Stop,
}

impl<T: Transport> Run<'_, T> {
    /// Reads the catalogue, and creates accounts.
    async fn prepare(&mut self) -> Result<Preparation, RunError> {
        let plan = &self.world.plan;
        let begun = Instant::now();
        let rng = random_stream(plan.seed, StreamUser::Accounts);
        let mut session = Session::new(Arc::clone(&self.world), rng);
        let read = tokio::select! {
            read = journey::catalogue(&mut session) => read,
            () = self.stop.requested() => return Err(RunError::Stopped),
        };
        let catalogue = prepare::check_catalogue(plan, read)?;
        self.world.set_catalogue(catalogue);

        let wanted = plan.accounts();
        let mut accounts = 0;
        let mut pace = interval(prepare::ACCOUNT_INTERVAL);
        for done in 0..wanted {
            self.progress(Phase::Preparing {
                done,
                total: wanted,
            });
            let created = tokio::select! {
                created = async { pace.tick().await; session.sign_up().await } => created,
                () = self.stop.requested() => return Err(RunError::Stopped),
            };
            // If an account cannot be created, the failure is only recorded: a customer who later finds no free account creates a
            // new one.
            if let Ok(account) = created {
                self.world.return_account(account);
                accounts += 1;
            }
        }
        let records = self.world.record.reset()?;
        Ok(Preparation::new(begun.elapsed(), accounts, &records))
    }

    async fn load(&mut self) -> Result<Ended, RunError> {
        let mut customers = JoinSet::<Result<(), JoinError>>::new();
        let (world, counts) = (&self.world, &self.counts);
        match world.plan.load {
            Load::Closed { users } => {
                for n in 0..users {
                    let begins_at = self.begun + start_offset(n, users, world.plan.ramp);
                    let user = closed::user(Arc::clone(world), Arc::clone(counts), n, begins_at);
                    customers.spawn(async move {
                        user.await;
                        Ok(())
                    });
                }
            }
            Load::Open {
                rate,
                max_in_flight,
            } => {
                let (world, counts) = (Arc::clone(world), Arc::clone(counts));
                customers.spawn(open::arrivals(
                    world,
                    counts,
                    self.begun,
                    rate,
                    max_in_flight,
                ));
            }
        }
        let mut tick = interval(PROGRESS_INTERVAL);
        loop {
            tokio::select! {
                joined = customers.join_next() => match joined {
                    Some(done) => done??,
                    None => break,
                },
                _ = tick.tick() => {
                    let ended = self.world.ending.is_reached();
                    self.progress(if ended { Phase::Settling } else { Phase::Running });
                }
                () = self.stop.requested_at_once() => {
                    self.counts.cut_off.add(self.world.record.in_flight());
                    customers.shutdown().await;
                    return Ok(Ended::StoppedAtOnce);
                }
            }
        }
        self.progress(Phase::Settling);
        Ok(if self.stop.is_requested() {
            Ended::Stopped
        } else {
            Ended::Duration
        })
    }

    fn progress(&mut self, phase: Phase) {
        let progress = Progress::new(&self.world, phase, self.begun.elapsed());
        (self.report_progress)(&progress);
    }
}
