//! Tests of repeated audits and of their metrics.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use shop_audit::{Auditor, CONTENT_TYPE, Page, Tally, serve, watch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::served::ServedShop;
use crate::shop::Shop;

async fn send(address: std::net::SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_watch_counts_every_audit_and_continues_after_a_failed_audit() {
    let down = Arc::new(AtomicBool::new(false));
    let served = ServedShop::with(Shop::sound(), {
        let down = down.clone();
        move |_, _| down.load(Ordering::SeqCst).then(|| (403, json!({})))
    });
    let served = served.await;
    let mut auditor = Auditor::new(served.options()).unwrap();
    let stop = Notify::new();
    let mut pages = Vec::new();
    let tally = watch(
        &mut auditor,
        Duration::from_millis(1),
        stop.notified(),
        |tally: &Tally, audit| {
            pages.push(tally.text());
            match pages.len() {
                // The first audit is sound, the second fails, the third finds a breach, and then the watch stops.
                1 => down.store(true, Ordering::SeqCst),
                2 => {
                    assert!(audit.is_err());
                    down.store(false, Ordering::SeqCst);
                    served.shop.lock().unwrap().move_stock(1, 0);
                }
                _ => stop.notify_one(),
            }
            Ok::<_, Infallible>(())
        },
    );
    let tally = tally.await.unwrap();
    assert!(tally.has_breach());
    let has_line = |page: usize, line: &str| {
        let text = &pages[page];
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    };
    has_line(0, "stoa_audit_runs_total{result=\"sound\"} 1");
    has_line(0, "stoa_audit_up 1");
    has_line(0, "stoa_audit_breaches{invariant=\"stock-adds-up\"} 0");
    has_line(0, "stoa_audit_checked{invariant=\"confirmed-is-paid\"} 2");
    has_line(0, "stoa_audit_books 2");
    has_line(1, "stoa_audit_up 0");
    has_line(1, "stoa_audit_runs_total{result=\"failed\"} 1");
    // After the failed audit, the metrics still contain the values of the first audit.
    has_line(1, "stoa_audit_breaches{invariant=\"stock-adds-up\"} 0");
    has_line(2, "stoa_audit_up 1");
    has_line(2, "stoa_audit_runs_total{result=\"breach\"} 1");
    has_line(2, "stoa_audit_breaches{invariant=\"stock-adds-up\"} 1");
    has_line(2, "stoa_audit_snapshots 2");
    has_line(2, "stoa_audit_looks 2");
    let last = pages[2]
        .lines()
        .find_map(|l| l.strip_prefix("stoa_audit_last_run_timestamp_seconds "));
    let age = jiff::Timestamp::now().as_second() - last.unwrap().parse::<i64>().unwrap();
    assert!((0..600).contains(&age), "{age}");
    for page in &pages {
        let types: Vec<_> = page.lines().filter(|l| l.starts_with("# TYPE ")).collect();
        let mut once = types.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), types.len(), "each metric has one TYPE line");
    }
}

#[tokio::test]
async fn the_page_is_served_only_at_metrics() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = Page::default();
    tokio::spawn(serve(listener, page.clone()));
    page.set("stoa_audit_up 1\n".to_owned());
    let answer = send(address, "GET /metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        answer.contains(CONTENT_TYPE) && answer.ends_with("\r\n\r\nstoa_audit_up 1\n"),
        "{answer}"
    );
    page.set("stoa_audit_up 0\n".to_owned());
    assert!(
        send(address, "GET /metrics")
            .await
            .ends_with("\r\n\r\nstoa_audit_up 0\n")
    );
    let head = send(address, "HEAD /metrics").await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let answer = send(address, "POST /metrics").await;
    assert!(
        answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD"),
        "{answer}"
    );
    assert!(send(address, "GET /").await.starts_with("HTTP/1.1 404"));
}

#[test]
fn before_the_first_audit_the_page_has_counters_at_zero() {
    let page = "\
# HELP stoa_audit_runs_total Audits by result.
# TYPE stoa_audit_runs_total counter
stoa_audit_runs_total{result=\"sound\"} 0
stoa_audit_runs_total{result=\"breach\"} 0
stoa_audit_runs_total{result=\"failed\"} 0
# HELP stoa_audit_up 1 if the last audit could read all records, otherwise 0.
# TYPE stoa_audit_up gauge
stoa_audit_up 0
";
    assert_eq!(Tally::default().text(), page);
}
