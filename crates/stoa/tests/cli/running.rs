//! Tests a running application: its addresses, its reports and its shutdown.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use stoa_testkit::{Client, Shop, ShopOptions, wait_for, wait_until};

use crate::errors::{fails, prints};
use crate::fixture::{Fixture, program};

const DEADLINE: Duration = Duration::from_secs(60);

fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn run_json_has_the_addresses_while_the_application_runs() {
    let fixture = Fixture::new();
    let mut shop = fixture.start();
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixture.path("state/run.json")).unwrap()).unwrap();
    assert_eq!(run["pid"], shop.pid());
    assert_eq!(run["gateway"], shop.gateway().base());
    assert_ne!(run["gateway"], run["operator"]);
    for client in [shop.gateway(), shop.operator()] {
        assert_eq!(client.get("/hello/x").send().expect(200).text(), "hello");
    }
    let example = format!("curl {}/hello/", shop.gateway().base());
    wait_until(DEADLINE, "the example", || shop.log().contains(&example));
    shop.stop();
    assert!(
        shop.gateway().get("/hello").try_send().is_err(),
        "the listener must be closed"
    );
    let mut files: Vec<_> = std::fs::read_dir(fixture.path("state"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(
        files,
        ["lock"],
        "the application writes no data, and compiled code is in another folder"
    );
}

#[test]
fn doctor_accepts_an_address_that_the_application_of_its_state_folder_uses() {
    let fixture = Fixture::new();
    let mut shop = fixture.start();
    let address = shop
        .gateway()
        .base()
        .trim_start_matches("http://")
        .to_owned();
    let doctor = ["doctor", "--state-dir", "state", "--listen", &address];
    let process = format!(
        "is in use by the application with the state folder state, process {}",
        shop.pid()
    );
    prints(&fixture, &doctor, &[&process]);
    // With the default state folder, the command does not find the application. So the command reports that another program uses
    // the address.
    let other = ["doctor", "--listen", &address];
    fails(&fixture, &other, 69, &["requirements not met: address"]);
    // A crash leaves the file run.json behind. A run.json whose process has ended does not count as a running shop.
    shop.kill();
    let taken = std::net::TcpListener::bind(&address).unwrap();
    fails(&fixture, &doctor, 69, &["requirements not met: address"]);
    drop(taken);
}

#[test]
fn doctor_shows_the_required_go_version_and_the_commands_that_need_go() {
    let fixture = Fixture::new();
    let doctor = ["doctor", "--listen", "127.0.0.1:0"];
    let needs = "needed only by `make mesh`, `make scenario`, `make check` and `make test`";
    fixture.write("tools/go.mod", "module tools\n\ngo 99.1\n");
    prints(&fixture, &doctor, &["optional  Go ", "99.1", needs]);
}

#[test]
fn an_application_restarts_with_the_same_state_folder_after_a_stop_and_after_a_crash() {
    let fixture = Fixture::new();
    let mut shop = fixture.start();
    shop.restart();
    shop.gateway().get("/hello").send().expect(200).text();
    shop.kill();
    assert!(
        fixture.path("state/run.json").exists(),
        "a crash leaves run.json behind"
    );
    shop.restart();
    shop.gateway().get("/hello").send().expect(200).text();
    shop.stop();
}

#[test]
fn a_second_process_with_the_same_state_folder_fails_and_the_message_has_the_first_process() {
    let fixture = Fixture::new();
    let shop = fixture.start();
    let output = fixture.run(&["up", "--state-dir", "state", "--listen", "127.0.0.1:0"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(69), "{text}");
    for word in [
        &format!("process {}", shop.pid()),
        shop.gateway().base(),
        "--state-dir",
    ] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    shop.gateway().get("/hello").send().expect(200).text();
}

#[test]
fn ctrl_c_ends_the_application_with_code_0_and_leaves_no_process() {
    let fixture = Fixture::new();
    let mut child = spawn(&fixture, &[]);
    let gateway = gateway(&fixture, &mut child);
    gateway.get("/hello").send().expect(200).text();
    send(child.id(), Signal::INT);
    let status = wait_for(DEADLINE, "the end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    assert!(!fixture.path("state/run.json").exists());
}

#[test]
fn a_second_ctrl_c_ends_the_application_at_once_with_130() {
    let fixture = Fixture::new();
    let mut child = spawn(&fixture, &[]);
    let gateway = gateway(&fixture, &mut child);
    let looping =
        std::thread::spawn(move || gateway.get("/loop").try_send().map(|answer| answer.status));
    let pid = child.id();
    let before = cpu(pid);
    wait_until(DEADLINE, "the request to be in progress", || {
        cpu(pid) > before + 20
    });
    let begin = Instant::now();
    send(pid, Signal::INT);
    // The application closes its listener when it handles the first signal. The test waits until the listener is closed, because
    // the system could merge two signals that arrive at the same time.
    let run = fixture.path("state/run.json");
    let address: String = base(&run).unwrap();
    let host = address.trim_start_matches("http://").to_owned();
    wait_until(DEADLINE, "the listener to close", || {
        std::net::TcpStream::connect(&host).is_err()
    });
    assert_eq!(
        child.try_wait().unwrap(),
        None,
        "the application must wait for the request"
    );
    send(pid, Signal::INT);
    let status = wait_for(DEADLINE, "the end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
    assert!(
        begin.elapsed() < Duration::from_secs(9),
        "the application must end before the end of the grace period"
    );
    assert!(!run.exists());
    assert!(
        looping.join().unwrap().is_err(),
        "the request must get no response"
    );
}

#[test]
fn a_request_in_progress_is_finished_before_the_application_stops() {
    let fixture = Fixture::new();
    let mut shop = fixture.start();
    let gateway = shop.gateway().clone();
    let burning = std::thread::spawn(move || gateway.get("/burn?1500").send());
    let before = cpu(shop.pid());
    wait_until(DEADLINE, "the request to be in progress", || {
        cpu(shop.pid()) > before + 20
    });
    shop.stop();
    assert_eq!(burning.join().unwrap().status, 200);
}

#[test]
fn the_main_listener_serves_only_listed_operations_and_the_operators_listener_serves_all() {
    let fixture = Fixture::new().with_api(
        "paths:\n  /hello/{name}: {get: {}}\n  /hello/inside: {x-internal: true, get: {}}\n  /body: {post: {}, get: {x-internal: true}}\n",
    );
    let shop = fixture.start();
    let status =
        |client: &Client, method: &str, path: &str| client.request(method, path).send().status;
    for (method, path, outside) in [
        ("GET", "/hello/you", 200),
        ("GET", "/hello/you?a=b", 200),
        ("HEAD", "/hello/you", 200),
        ("OPTIONS", "/hello/you", 200),
        ("POST", "/body", 200),
        ("GET", "/body", 405),
        ("POST", "/hello/you", 405),
        ("GET", "/hello/inside", 404),
        ("GET", "/hello", 404),
        ("GET", "/files", 404),
    ] {
        assert_eq!(
            status(shop.gateway(), method, path),
            outside,
            "{method} {path}"
        );
        assert_eq!(
            status(shop.operator(), method, path),
            200,
            "{method} {path}"
        );
    }
    let wrong = shop.gateway().post("/hello/you").send().expect(405);
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(wrong.json["code"], "method_not_allowed");
    let hidden = shop.gateway().get("/files").send().expect(404);
    assert_eq!(
        hidden.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(hidden.json["status"], 404);
}

#[test]
fn timers_repeat_their_calls_after_successes_and_failures_and_no_timers_turns_them_off() {
    let document = "paths:\n  /half: {get: {operationId: half, x-timer: 20ms}}\n  /trap: {post: {operationId: trap, x-timer: 20ms}}\n";
    let fixture = Fixture::new().with_api(document);
    let count = |shop: &Shop, word: &str| shop.log().matches(word).count();
    let mut shop = fixture.start();
    wait_until(DEADLINE, "three calls of half", || {
        count(&shop, "no newline") >= 3
    });
    wait_until(DEADLINE, "two failed calls", || {
        let log = shop.log();
        log.lines()
            .filter(|line| line.contains("\"operation\":\"trap\"") && line.contains("500"))
            .count()
            >= 2
    });
    shop.stop();

    let quiet = Fixture::new().with_api(document);
    let mut shop = Shop::start(quiet.options().timers(false));
    shop.operator().get("/burn?300").send().expect(200).text();
    shop.stop();
    assert_eq!(count(&shop, "no newline"), 0, "{}", shop.log());
}

#[test]
fn timers_of_components_that_do_not_run_are_logged_once_and_never_called() {
    let document = "paths:\n  /hello/half: {get: {operationId: greet, x-timer: 20ms}}\n  /trap: {post: {operationId: trap, x-timer: 20ms}}\n  /half: {get: {operationId: half, x-timer: 20ms}}\n";
    let fixture = Fixture::new().with_api(document);
    let mut shop = Shop::start(ShopOptions {
        components: vec!["hello".to_owned()],
        ..fixture.options()
    });
    // The requests in this loop take so long that stoa would call each timer several times if the timers were on.
    for _ in 0..5 {
        shop.gateway().get("/hello/half").send().expect(200).text();
    }
    shop.wait_for_line("the timers that are off", |line| {
        line["level"] == "info" && line["operations"] == "half, trap"
    });
    shop.stop();
    let log = shop.log();
    assert_eq!(log.matches("timers are off").count(), 1, "{log}");
    assert!(!log.contains("\"warn\""), "{log}");
}

#[test]
fn the_runtime_enforces_the_limits_on_the_command_line() {
    let fixture = Fixture::new();
    let arguments = [
        "--max-body",
        "10",
        "--request-timeout",
        "200ms",
        "--memory",
        "16MiB",
    ]
    .map(str::to_owned)
    .to_vec();
    let shop = Shop::start(ShopOptions {
        arguments,
        ..fixture.options()
    });
    assert_eq!(
        shop.gateway()
            .post("/body")
            .body("0123456789")
            .send()
            .expect(200)
            .text(),
        "10"
    );
    let refused = shop.gateway().post("/body").body("0123456789a").send();
    assert_eq!(refused.expect(413).header("connection"), Some("close"));
    assert_eq!(shop.gateway().get("/loop").send().status, 504);
    assert_eq!(shop.gateway().get("/memory").send().status, 500);
}

#[test]
fn a_component_that_is_not_selected_does_not_answer() {
    let fixture = Fixture::new();
    let shop = Shop::start(ShopOptions {
        components: vec!["hello".to_owned()],
        ..fixture.options()
    });
    shop.gateway().get("/hello").send().expect(200).text();
    assert_eq!(shop.gateway().get("/body").send().status, 404);
}

fn spawn(fixture: &Fixture, arguments: &[&str]) -> Child {
    let mut command = Command::new(program());
    command
        .arg("up")
        .arg("--manifest")
        .arg(fixture.path("spin.toml"));
    command.arg("--state-dir").arg(fixture.path("state"));
    command
        .arg("--cache-dir")
        .arg(stoa_testkit::workspace().join("target/stoa-cache"));
    command.args(["--listen", "127.0.0.1:0"]).args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until the application answers.
fn gateway(fixture: &Fixture, child: &mut Child) -> Client {
    let run = fixture.path("state/run.json");
    let base = wait_for(DEADLINE, "run.json", || {
        assert_eq!(child.try_wait().unwrap(), None, "the application ended");
        base(&run)
    });
    Client::new(base)
}

fn base(run: &std::path::Path) -> Option<String> {
    let run: serde_json::Value = serde_json::from_slice(&std::fs::read(run).ok()?).ok()?;
    Some(run.get("gateway")?.as_str()?.to_owned())
}

/// CPU time of a process, in ticks of 10 ms.
fn cpu(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    // Fields 14 and 15 in proc(5) are the time in user code and the time in the kernel.
    fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}
