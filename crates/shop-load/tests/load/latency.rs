//! Tests of latencies: if the shop stalls, the percentiles of the open loop must show the stall, and the closed loop hides it.

use std::time::Duration;

use shop_load::{Load, Plan, Report, Step};
use tokio::time::Instant;

use crate::shop::{Reaction, ReceivedRequest, Shop, ShopFaults};
use crate::{load, plan, step};

/// Latency of a shop that does not stall.
const NORMAL: Duration = Duration::from_millis(50);
/// Duration of a load, in seconds.
const MINUTE: u64 = 60;
/// Times at which the shop's stall begins and ends, relative to the beginning of the run.
const STALL: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(22)];

fn stalling() -> Shop {
    let begun = Instant::now();
    let delay = move |_: &_| {
        let now = begun.elapsed();
        if (STALL[0]..STALL[1]).contains(&now) {
            STALL[1] - now + NORMAL
        } else {
            NORMAL
        }
    };
    ShopFaults {
        delay: Box::new(delay),
        ..ShopFaults::default()
    }
    .shop()
}

fn open(rate: f64, max_in_flight: u32, seconds: u64) -> Plan {
    Plan {
        load: Load::Open {
            rate,
            max_in_flight,
        },
        buyers: 0.0,
        ..plan(1, seconds)
    }
}

/// 99th percentile of the latency of the step `list`, the first step of most journeys.
fn p99(report: &Report) -> Duration {
    Duration::from_micros(step(report, Step::List).measured.latency_us.p99)
}

#[tokio::test(start_paused = true)]
async fn a_stall_shows_in_the_p99_of_the_open_loop_and_not_of_the_closed_loop() {
    let report = load(&open(20.0, 1_000, MINUTE), &stalling()).await;
    // 3 % of the customers arrived during the stall. Each of them waited for a response until the stall ended, for up to two
    // seconds.
    assert!(
        p99(&report) > Duration::from_millis(500),
        "{:?}",
        p99(&report)
    );
    let first = step(&report, Step::List).measured.latency_us.max;
    assert!(first > 1_500_000 && first < 2_100_000, "{first}");
    assert_eq!(report.journeys.waited, 0);

    let browsing = Plan {
        buyers: 0.0,
        ..plan(5, MINUTE)
    };
    let report = load(&browsing, &stalling()).await;
    assert!(p99(&report) < NORMAL * 2, "{:?}", p99(&report));
    assert!(
        report.total.latency_us.max > 1_900_000,
        "each user has one request that takes as long as the stall"
    );
}

#[tokio::test(start_paused = true)]
async fn in_the_open_loop_a_wait_for_a_slot_counts_and_is_reported() {
    // During the stall all ten slots are in use, so later customers wait for a slot.
    let report = load(&open(20.0, 10, MINUTE), &stalling()).await;
    assert!(report.journeys.waited > 20, "{:?}", report.journeys);
    assert!(report.journeys.longest_wait > Duration::from_millis(1_500));
    assert_eq!(report.journeys.not_begun, 0);
    assert!(
        p99(&report) > Duration::from_millis(500),
        "{:?}",
        p99(&report)
    );
    let text = shop_load::table(&report);
    assert!(text.contains("limit of 10 customers reached"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_customer_who_never_gets_a_slot_is_a_failure_whose_latency_is_the_wait() {
    let slow = ShopFaults {
        delay: Box::new(|received| Duration::from_secs(if received.nth < 2 { 0 } else { 4 })),
        ..ShopFaults::default()
    };
    let report = load(&open(20.0, 3, 10), &slow.shop()).await;
    let journeys = &report.journeys;
    assert!(journeys.not_begun > 100, "{journeys:?}");
    let kind = crate::count(&report.failures, Step::List, "not begun");
    assert_eq!(kind, journeys.not_begun);
    let all = journeys.browsers + journeys.not_begun;
    let expected = 20.0 * 10.0;
    assert!(
        (all as f64 - expected).abs() < 5.0 * expected.sqrt(),
        "{all}"
    );
    // The run takes ten seconds, and half of the customers waited for five seconds or longer.
    let p50 = step(&report, Step::List).measured.latency_us.p50;
    assert!((3_500_000..6_500_000).contains(&p50), "{p50}");
}

#[tokio::test(start_paused = true)]
async fn in_the_open_loop_a_wait_counts_even_if_the_request_then_fails() {
    // Ten customers may be active, and twenty arrive in each second. Each connection is reset a second after its request, so more
    // and more customers wait.
    let resetting = ShopFaults {
        decide: Box::new(|received: &ReceivedRequest| match received.nth {
            0 => Reaction::Respond,
            _ => Reaction::LoseResponse,
        }),
        delay: Box::new(|received| Duration::from_secs(u64::from(received.nth > 0))),
        ..ShopFaults::default()
    };
    let report = load(&open(20.0, 10, 10), &resetting.shop()).await;
    // Customers who never got a slot are counted in the step `list`, so this test checks only the step `search`.
    let searched = &step(&report, Step::Search).measured;
    assert!(searched.count > 10 && searched.failed == searched.count);
    assert_eq!(
        crate::count(&report.failures, Step::Search, "reset"),
        searched.count
    );
    assert!(
        searched.latency_us.p50 > 1_500_000,
        "{:?}",
        searched.latency_us
    );
}

#[tokio::test(start_paused = true)]
async fn the_arrival_rate_does_not_depend_on_the_speed_of_the_shop() {
    for seconds in [0, 1, 3] {
        let slow = ShopFaults {
            delay: Box::new(move |_| Duration::from_secs(seconds)),
            ..ShopFaults::default()
        };
        let report = load(&open(10.0, 1_000, 30), &slow.shop()).await;
        let (arrived, expected) = (report.journeys.browsers as f64, 300.0f64);
        assert!(
            (arrived - expected).abs() < 5.0 * expected.sqrt(),
            "{arrived} at {seconds} s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_is_due_at_the_end_of_its_customers_pause() {
    let thinking = Plan {
        think_time: Duration::from_secs(1),
        ..open(5.0, 1_000, 30)
    };
    let report = load(&thinking, &ShopFaults::default().shop()).await;
    // Pauses are not part of latencies, so every latency is the shop's delay of ten milliseconds.
    assert!(step(&report, Step::Product).measured.count > 50);
    assert!(
        report.total.latency_us.max < 12_000,
        "{:?}",
        report.total.latency_us
    );
}

#[tokio::test(start_paused = true)]
async fn users_of_the_closed_loop_begin_one_by_one() {
    let ramped = Plan {
        ramp: Duration::from_secs(10),
        buyers: 0.0,
        ..plan(10, 10)
    };
    let report = load(&ramped, &ShopFaults::default().shop()).await;
    // During the ramp of ten seconds, five of the ten users are active on average. That equals ten users for five seconds, and each
    // user sends a hundred requests a second.
    let expected = 10.0 * 5.0 * 100.0;
    let share = report.total.count as f64 / expected;
    assert!((1.0..1.2).contains(&share), "{share}");
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_send_the_same_requests() {
    let sent = |seed| async move {
        let shop = ShopFaults::default().shop();
        let plan = Plan {
            seed,
            buyers: 0.5,
            ..open(20.0, 100, 20)
        };
        load(&plan, &shop).await;
        let log = shop.log();
        log.into_iter()
            .map(|received| received.endpoint)
            .collect::<Vec<_>>()
    };
    let (once, again, other) = (sent(7).await, sent(7).await, sent(8).await);
    assert!(once.len() > 500);
    assert!(once == again, "{} and {} requests", once.len(), again.len());
    assert!(once != other);
}
