//! Tests of the end of a run: after the planned duration, by a gentle stop, and by a stop at once.

use std::time::Duration;

use shop_load::{Ended, Outcome, Phase, Plan, RunError, Stop, run_over};

use crate::plan;
use crate::shop::{Reaction, ReceivedRequest, Shop, ShopFaults};

fn slow_orders() -> Shop {
    let delay = |received: &ReceivedRequest| match received.endpoint.as_str() {
        "POST /order" => Duration::from_secs(3),
        _ => Duration::from_millis(10),
    };
    ShopFaults {
        delay: Box::new(delay),
        ..ShopFaults::default()
    }
    .shop()
}

/// Runs a plan. Calls `request_stop` when the duration `after` has passed since the load began.
async fn run_and_stop(
    plan: &Plan,
    shop: &Shop,
    after: Duration,
    request_stop: fn(&Stop),
) -> shop_load::Report {
    let stop = Stop::default();
    let mut report_progress = |progress: &shop_load::Progress| {
        if progress.phase == Phase::Running && progress.elapsed >= after {
            request_stop(&stop);
        }
    };
    run_over(plan, shop.clone(), &mut report_progress, &stop)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn open_orders_are_settled_at_the_end_of_the_duration() {
    let shop = slow_orders();
    let report = crate::load(&plan(5, 10), &shop).await;
    assert_eq!(report.ended, Ended::Duration);
    assert!(report.elapsed >= Duration::from_secs(10) && report.elapsed < Duration::from_secs(14));
    assert_eq!(report.orders.unknown, 0, "{:?}", report.orders);
    assert_eq!(report.orders.confirmed, shop.confirmed().len() as u64);
    assert!(report.journeys.cut_short > 0);
}

#[tokio::test(start_paused = true)]
async fn a_gentle_stop_settles_open_orders() {
    let shop = slow_orders();
    let report = run_and_stop(
        &plan(5, 3_600),
        &shop,
        Duration::from_secs(10),
        Stop::gently,
    )
    .await;
    assert_eq!(report.ended, Ended::Stopped);
    assert!(
        report.elapsed < Duration::from_secs(15),
        "{:?}",
        report.elapsed
    );
    assert_eq!((report.orders.unknown, report.journeys.cut_off), (0, 0));
    assert_eq!(report.orders.confirmed, shop.confirmed().len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_once_drops_and_counts_the_requests_in_flight() {
    let report = run_and_stop(
        &plan(5, 3_600),
        &slow_orders(),
        Duration::from_secs(10),
        Stop::at_once,
    )
    .await;
    assert_eq!(report.ended, Ended::StoppedAtOnce);
    assert!(
        report.elapsed < Duration::from_secs(11),
        "{:?}",
        report.elapsed
    );
    assert!(report.total.count > 0);
    assert_eq!(report.journeys.cut_off, 5);
    let open = report
        .book
        .iter()
        .filter(|o| o.outcome == Outcome::Unknown)
        .count();
    assert!(open > 0 && open <= 5, "{open}");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_being_repeated_is_settled_after_a_gentle_stop() {
    let shop = ShopFaults {
        decide: Box::new(|received| match received.endpoint.as_str() {
            "POST /order" if received.nth < 4 => Reaction::LoseResponse,
            _ => Reaction::Respond,
        }),
        ..ShopFaults::default()
    }
    .shop();
    let report = run_and_stop(&plan(1, 3_600), &shop, Duration::from_secs(2), Stop::gently).await;
    assert_eq!(
        (report.orders.confirmed, report.orders.unknown),
        (1, 0),
        "{:?}",
        report.orders
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_the_preparation_gives_no_report() {
    let stop = Stop::default();
    let mut report_progress = |progress: &shop_load::Progress| {
        if matches!(progress.phase, Phase::Preparing { done: 2, .. }) {
            stop.gently();
        }
    };
    let shop = ShopFaults::default().shop();
    let error = run_over(&plan(5, 10), shop, &mut report_progress, &stop)
        .await
        .unwrap_err();
    assert!(matches!(error, RunError::Stopped), "{error}");
}

#[tokio::test(start_paused = true)]
async fn progress_is_reported_from_the_first_account_to_the_last_order() {
    let mut reported = Vec::new();
    let mut report_progress = |progress: &shop_load::Progress| reported.push(progress.clone());
    let report = run_over(
        &plan(5, 10),
        slow_orders(),
        &mut report_progress,
        &Stop::default(),
    )
    .await
    .unwrap();
    assert_eq!(reported[0].phase, Phase::Preparing { done: 0, total: 5 });
    let running: Vec<_> = reported
        .iter()
        .filter(|p| p.phase == Phase::Running)
        .collect();
    assert!(running.len() > 40 && running.is_sorted_by_key(|p| p.requests));
    assert!(
        reported
            .iter()
            .any(|p| p.phase == Phase::Settling && p.open > 0)
    );
    let last = reported.last().unwrap();
    assert_eq!(
        (last.requests, last.in_flight, last.open),
        (report.total.count, 0, 0)
    );
}
