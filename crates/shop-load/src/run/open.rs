//! The open loop: customers arrive by a schedule, and each customer runs one journey.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::counts::Counts;
use crate::failure::Failure;
use crate::journey;
use crate::plan::Plan;
use crate::schedule::{Arrivals, StreamUser, random_stream};
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::world::World;

/// Starts a journey for each arrival. At most `max_in_flight` journeys run at a time. Further customers wait for a slot, and the
/// wait is part of the latency.
pub(super) async fn arrivals<T: Transport>(
    world: Arc<World<T>>,
    counts: Arc<Counts>,
    begun: Instant,
    rate: f64,
    max_in_flight: u32,
) -> Result<(), JoinError> {
    let slots = Arc::new(Semaphore::new(
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
    // The time at which the customer before this one got a slot or gave up. Customers are handled one after the other, so a
    // customer who arrived before this time waited too.
    let mut queued_until = begun;
    for (n, at) in (0u64..).zip(arrivals.take_while(|at| *at < duration)) {
        let arrived_at = begun + at;
        // If the run ends before a customer is due, the customer never arrives. If the run ends while a customer waits for a slot,
        // the code below counts the customer.
        if Instant::now() < arrived_at && !world.ending.sleep_until(arrived_at).await {
            break;
        }
        let mut slot = Arc::clone(&slots).try_acquire_owned().ok();
        if slot.is_none() {
            slot = tokio::select! {
                slot = Arc::clone(&slots).acquire_owned() => slot.ok(),
                () = world.ending.reached() => None,
            };
            queued_until = Instant::now();
        }
        if arrived_at < queued_until {
            counts.waited.add(1);
            if world.ending.is_reached() {
                slot = None;
            }
        }
        counts.longest_wait.update(arrived_at.elapsed());
        let Some(slot) = slot else {
            counts.not_begun.add(1);
            let waited = arrived_at.elapsed();
            world
                .record
                .record_request::<()>(Step::List, waited, Err(&Failure::NotBegun), None);
            continue;
        };
        let rng = random_stream(seed, StreamUser::Customer(n));
        let mut session = Session::new(Arc::clone(&world), rng).with_arrival(arrived_at);
        let counts = Arc::clone(&counts);
        customers.spawn(async move {
            let (kind, ended) = journey::run_journey(&mut session).await;
            counts.count_journey(kind, ended);
            drop(slot);
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
