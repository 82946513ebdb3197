//! A shutdown lets requests in flight finish within the grace period.
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;

use crate::support::{Setup, until};

const MANIFEST: &str = r#"
[[trigger.http]]
route = "/..."
component = "trouble"
[component.trouble]
source = "{guest-trouble}"
"#;

#[test]
fn running_requests_finish_and_new_ones_are_not_accepted() {
    let mut app = Setup::new(MANIFEST).start();
    let running = app.spawn(app.send(Method::GET, "/burn?600", Bytes::new()));
    until("the request runs", || app.runtime.running_requests() == 1);
    let stopped = app.stop();
    until("the server accepts no connections", || {
        TcpStream::connect(app.address).is_err()
    });
    let answer = app.wait(running).unwrap();
    assert_eq!(answer.status, 200);
    app.wait(stopped).unwrap();
    assert_eq!(app.runtime.running_requests(), 0);
}

#[test]
fn an_idle_connection_does_not_delay_the_stop() {
    let mut app = Setup::new(MANIFEST).start();
    assert_eq!(app.get("/fine").text(), "fine");
    let idle = TcpStream::connect(app.address).unwrap();
    let begun = Instant::now();
    let stopped = app.stop();
    app.wait(stopped).unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    drop(idle);
}

#[test]
fn a_request_that_runs_longer_than_the_grace_period_is_cut_off() {
    let mut setup = Setup::new(MANIFEST);
    setup.serve.grace = Duration::from_millis(300);
    let mut app = setup.start();
    let _running = app.spawn(app.send(Method::GET, "/loop", Bytes::new()));
    until("the request runs", || app.runtime.running_requests() == 1);
    let begun = Instant::now();
    let stopped = app.stop();
    app.wait(stopped).unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}
