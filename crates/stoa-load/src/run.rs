//! A run: the load is prepared, then customers come, then the last orders are settled.

use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::CreationError;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, interval};

use crate::answer::Failure;
use crate::counts::Counts;
use crate::journey;
use crate::plan::{Load, Plan};
use crate::progress::{Phase, Progress};
use crate::report::{Ended, Preparation, Report};
use crate::schedule::{Arrivals, Lane, begins, choices};
use crate::session::{Gone, Session, World};
use crate::step::Step;
use crate::stop::Stop;
use crate::transport::{Http, NoAnswer, Transport};

/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);
/// After a failure a customer of the closed loop waits this long: a shop that refuses at once is not to be asked the more.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// One account after the other is made, at this pace at most. The gateway lets twenty log-ins and registrations through
/// in a second, and each account needs one of both.
const PER_ACCOUNT: Duration = Duration::from_millis(125);

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan says what cannot be done.
    #[error("{}", .0.join("\n"))]
    Plan(Vec<String>),
    /// The catalogue cannot be read, so nobody is there, or no shop is.
    #[error("{target}: the catalogue cannot be read: {why}")]
    NoShop {
        /// The shop's address.
        target: String,
        /// Why not.
        why: String,
    },
    /// Buyers have nothing to buy.
    #[error("{target}: nothing in the catalogue has a price")]
    NothingToBuy {
        /// The shop's address.
        target: String,
    },
    /// It was stopped before customers came.
    #[error("stopped before the load began")]
    Stopped,
    /// Authorities for https cannot be read.
    #[error("https: {0}")]
    Tls(#[from] std::io::Error),
    /// A fault of this crate.
    #[error("histogram: {0}")]
    Histogram(#[from] CreationError),
    /// A fault of this crate.
    #[error("a customer did not come to his end: {0}")]
    Customer(#[from] JoinError),
}

/// Runs a plan over HTTP. `tell` hears of the progress every now and then; `stop` ends the run before its time.
///
/// # Errors
/// If there is nothing to run against. What goes wrong once customers came is in the report.
pub async fn run(
    plan: &Plan,
    tell: &mut (dyn FnMut(&Progress) + Send),
    stop: &Stop,
) -> Result<Report, RunError> {
    run_over(plan, Http::new(&plan.target)?, tell, stop).await
}

/// As [`run`], with another way to the shop.
///
/// # Errors
/// As [`run`].
pub async fn run_over<T: Transport>(
    plan: &Plan,
    transport: T,
    tell: &mut (dyn FnMut(&Progress) + Send),
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
        tell,
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
    tell: &'a mut (dyn FnMut(&Progress) + Send),
    stop: &'a Stop,
}

impl<T: Transport> Run<'_, T> {
    /// Reads the catalogue, and makes accounts.
    async fn prepare(&mut self) -> Result<Preparation, RunError> {
        let plan = &self.world.plan;
        let (target, begun) = (plan.target.to_string(), Instant::now());
        let rng = choices(plan.seed, Lane::Accounts);
        let mut session = Session::new(Arc::clone(&self.world), rng);
        let read = tokio::select! {
            read = journey::catalogue(&mut session) => read,
            () = self.stop.asked() => return Err(RunError::Stopped),
        };
        let catalogue = read.map_err(|failure| {
            let why = match failure {
                Failure::NoAnswer(NoAnswer::Timeout) => {
                    format!("no connection, or no answer within {:?}", plan.timeout)
                }
                Failure::NoAnswer(why) => why.to_string(),
                Failure::Wrong(what) => what,
                other => other.to_string(),
            };
            RunError::NoShop {
                target: target.clone(),
                why,
            }
        })?;
        if plan.buyers > 0.0 && catalogue.iter().all(|product| product.price.is_none()) {
            return Err(RunError::NothingToBuy { target });
        }
        self.world.set_catalogue(catalogue);

        let wanted = plan.accounts();
        let mut accounts = 0;
        let mut pace = interval(PER_ACCOUNT);
        for done in 0..wanted {
            self.tell(Phase::Preparing { done, of: wanted });
            let made = tokio::select! {
                made = async { pace.tick().await; session.sign_up().await } => made,
                () = self.stop.asked() => return Err(RunError::Stopped),
            };
            // One that could not be made is told with the failures, and made by a customer if need be.
            if let Ok(account) = made {
                self.world.give_back(account);
                accounts += 1;
            }
        }
        let records = self.world.record.take()?;
        Ok(Preparation::new(begun.elapsed(), accounts, &records))
    }

    async fn load(&mut self) -> Result<Ended, RunError> {
        let mut customers = JoinSet::new();
        let (world, counts) = (&self.world, &self.counts);
        match world.plan.load {
            Load::Closed { users } => {
                for n in 0..users {
                    let begins = self.begun + begins(n, users, world.plan.ramp);
                    customers.spawn(closed(Arc::clone(world), Arc::clone(counts), n, begins));
                }
            }
            Load::Open {
                rate,
                max_in_flight,
            } => {
                let (world, counts) = (Arc::clone(world), Arc::clone(counts));
                customers.spawn(open(world, counts, self.begun, rate, max_in_flight));
            }
        }
        let mut tick = interval(TELL);
        loop {
            tokio::select! {
                joined = customers.join_next() => match joined {
                    Some(done) => done??,
                    None => break,
                },
                _ = tick.tick() => {
                    let over = self.world.ending.is_here();
                    self.tell(if over { Phase::Settling } else { Phase::Running });
                }
                () = self.stop.asked_at_once() => {
                    self.counts.cut_off.add(self.world.record.in_flight());
                    customers.shutdown().await;
                    return Ok(Ended::StoppedAtOnce);
                }
            }
        }
        self.tell(Phase::Settling);
        Ok(if self.stop.is_asked() {
            Ended::Stopped
        } else {
            Ended::Duration
        })
    }

    fn tell(&mut self, phase: Phase) {
        let progress = Progress::new(&self.world, phase, self.begun.elapsed());
        (self.tell)(&progress);
    }
}

/// A user of the closed loop: one journey after the other.
async fn closed<T: Transport>(
    world: Arc<World<T>>,
    counts: Arc<Counts>,
    n: u32,
    begins: Instant,
) -> Result<(), JoinError> {
    if !world.ending.sleep_until(begins).await {
        return Ok(());
    }
    let rng = choices(world.plan.seed, Lane::Customer(n.into()));
    let mut session = Session::new(Arc::clone(&world), rng);
    loop {
        let (kind, ended) = journey::go(&mut session).await;
        counts.journey(kind, ended);
        let rested = match ended {
            Err(Gone::Over) => return Ok(()),
            Err(Gone::Failed) => {
                session
                    .pause(AFTER_FAILURE.max(world.plan.think_time))
                    .await
            }
            Ok(()) => session.think().await,
        };
        if rested.is_err() {
            return Ok(());
        }
    }
}

/// Lets customers in when they come. Where the most are in already, who comes waits: his time counts from when he came.
async fn open<T: Transport>(
    world: Arc<World<T>>,
    counts: Arc<Counts>,
    begun: Instant,
    rate: f64,
    max_in_flight: u32,
) -> Result<(), JoinError> {
    let places = Arc::new(Semaphore::new(
        usize::try_from(max_in_flight).unwrap_or(usize::MAX),
    ));
    let mut customers: JoinSet<()> = JoinSet::new();
    let Plan {
        seed,
        ramp,
        duration,
        ..
    } = world.plan;
    let arrivals = Arrivals::new(seed, rate, ramp);
    // Up to when somebody stood in line.
    let mut line = begun;
    for (n, at) in (0u64..).zip(arrivals.take_while(|at| *at < duration)) {
        let came = begun + at;
        // Who stands in line when the end comes has come for nothing: he is counted, not dropped.
        if Instant::now() < came && !world.ending.sleep_until(came).await {
            break;
        }
        let mut place = Arc::clone(&places).try_acquire_owned().ok();
        if place.is_none() {
            place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place.ok(),
                () = world.ending.come() => None,
            };
            line = Instant::now();
        }
        if came < line {
            counts.waited.add(1);
            if world.ending.is_here() {
                place = None;
            }
        }
        counts.longest_wait.at_least(came.elapsed());
        let Some(place) = place else {
            counts.not_begun.add(1);
            let waited = came.elapsed();
            world
                .record
                .ended::<()>(Step::List, waited, Err(&Failure::NotBegun), None);
            continue;
        };
        let rng = choices(seed, Lane::Customer(n));
        let mut session = Session::new(Arc::clone(&world), rng).arrived(came);
        let counts = Arc::clone(&counts);
        customers.spawn(async move {
            let (kind, ended) = journey::go(&mut session).await;
            counts.journey(kind, ended);
            drop(place);
        });
        while let Some(done) = customers.try_join_next() {
            done?;
        }
    }
    while let Some(done) = customers.join_next().await {
        done?;
    }
    Ok(())
}
