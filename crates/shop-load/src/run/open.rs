//! The open loop.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::counts::Counts;
use crate::failure::Failure;
use crate::journey;
use crate::plan::Plan;
use crate::schedule::{Arrivals, Lane, choices};
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::world::World;

/// Starts a journey for each arrival. At most `max_in_flight` journeys run at a time; more customers wait for a place, and their latency
/// counts from when they arrived.
pub(super) async fn arrivals<T: Transport>(
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
    // Customers who arrived before this time found others waiting.
    let mut queued_until = begun;
    for (n, at) in (0u64..).zip(arrivals.take_while(|at| *at < duration)) {
        let arrived_at = begun + at;
        // A customer who waits when the run ends is counted, not dropped.
        if Instant::now() < arrived_at && !world.ending.sleep_until(arrived_at).await {
            break;
        }
        let mut place = Arc::clone(&places).try_acquire_owned().ok();
        if place.is_none() {
            place = tokio::select! {
                place = Arc::clone(&places).acquire_owned() => place.ok(),
                () = world.ending.reached() => None,
            };
            queued_until = Instant::now();
        }
        if arrived_at < queued_until {
            counts.waited.add(1);
            if world.ending.is_reached() {
                place = None;
            }
        }
        counts.longest_wait.at_least(arrived_at.elapsed());
        let Some(place) = place else {
            counts.not_begun.add(1);
            let waited = arrived_at.elapsed();
            world
                .record
                .ended::<()>(Step::List, waited, Err(&Failure::NotBegun), None);
            continue;
        };
        let rng = choices(seed, Lane::Customer(n));
        let mut session = Session::new(Arc::clone(&world), rng).arrived(arrived_at);
        let counts = Arc::clone(&counts);
        customers.spawn(async move {
            let (kind, ended) = journey::travel(&mut session).await;
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
