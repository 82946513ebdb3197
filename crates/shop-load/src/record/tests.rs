//! Tests of the recorder's latencies and counts.

use super::*;
use crate::failure::Refusal;
use crate::transport::NoAnswer;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn latencies_have_three_significant_digits() {
    let record = Recorder::new(false).unwrap();
    for n in 1..=1_000 {
        record.record_request(Step::List, millis(n), Ok(&Reply::Accepted(())), None);
    }
    let records = record.lock();
    let latencies = &records.steps[&Step::List].latencies;
    for (quantile, millis) in [(0.5, 500), (0.9, 900), (0.99, 990), (0.999, 999)] {
        let micros = latencies.value_at_quantile(quantile);
        assert!(
            micros.abs_diff(millis * 1_000) <= millis,
            "{quantile}: {micros}"
        );
    }
    assert!(latencies.max().abs_diff(1_000_000) <= 1_000);
    assert_eq!(records.total.latencies.len(), 1_000);
    assert_eq!(records.steps[&Step::Order].count, 0);
}

#[test]
fn failures_are_counted_by_kind_and_wrong_answers_kept_as_examples() {
    let record = Recorder::new(false).unwrap();
    let declined = Refusal {
        status: 402,
        code: "payment_declined".to_owned(),
        order_id: None,
        retry_after: None,
    };
    record.record_request(
        Step::Order,
        millis(1),
        Ok(&Reply::<()>::Refused(declined)),
        None,
    );
    let unreachable = Failure::NoAnswer(NoAnswer::Connect("refused".to_owned()));
    let late = Failure::NoAnswer(NoAnswer::Timeout);
    let failed = |failure: &Failure| {
        record.record_request::<()>(Step::Order, millis(9), Err(failure), Some("r-1"))
    };
    failed(&unreachable);
    failed(&late);
    for n in 0..30 {
        failed(&Failure::Wrong(format!("no. {n}")));
    }
    let records = record.lock();
    let order = &records.steps[&Step::Order];
    assert_eq!((order.count, order.refused, order.failed), (33, 1, 32));
    assert_eq!(
        order.latencies.len(),
        32,
        "a refused connection has no latency"
    );
    let count = |kind: &str| records.failures[&(Step::Order, kind.to_owned())];
    assert_eq!(
        (count("connect"), count("timeout"), count("wrong answer")),
        (1, 1, 30)
    );
    assert_eq!((records.wrong, records.examples.len()), (30, MAX_EXAMPLES));
    assert_eq!(records.examples[0].error, "no. 0");
    assert_eq!(records.examples[0].request_id.as_deref(), Some("r-1"));
}

#[test]
fn in_the_open_loop_every_latency_counts() {
    let record = Recorder::new(true).unwrap();
    let unreachable = Failure::NoAnswer(NoAnswer::Reset("cut".to_owned()));
    record.record_request::<()>(Step::List, millis(3_000), Err(&unreachable), None);
    let records = record.lock();
    assert_eq!(
        (records.total.failed, records.total.latencies.len()),
        (1, 1)
    );
    assert!(records.total.latencies.max() >= 3_000_000);
}

#[test]
fn a_reset_keeps_the_count_of_requests_in_flight() {
    let record = Recorder::new(false).unwrap();
    let in_flight = record.begin_request();
    record.record_request(Step::List, millis(1), Ok(&Reply::Accepted(())), None);
    assert_eq!(record.reset().unwrap().total.count, 1);
    assert_eq!(record.lock().total.count, 0);
    assert_eq!(record.in_flight(), 1);
    drop(in_flight);
    assert_eq!(record.in_flight(), 0);
}
