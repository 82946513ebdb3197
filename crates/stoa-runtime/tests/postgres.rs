//! The interface `spin:postgres/postgres@4.0.0`, with a real PostgreSQL server.
use stoa_postgres::Server;

use crate::support::{Running, Setup};

fn start() -> Running {
    setup().start()
}

fn setup() -> Setup {
    let manifest = format!(
        r#"
[[trigger.http]]
route = "/..."
component = "sql"
[component.sql]
source = "{{guest-postgres}}"
allowed_outbound_hosts = ["postgres://{}"]
"#,
        Server::shared().host()
    );
    Setup::new(&manifest)
}

/// Creates a schema with an empty table `t`. Returns a PostgreSQL address whose connections use this schema.
fn schema() -> String {
    let address = Server::shared().schema().unwrap();
    let mut client = postgres::Client::connect(&address, postgres::NoTls).unwrap();
    client
        .batch_execute("CREATE TABLE t (x BIGINT UNIQUE)")
        .unwrap();
    address
}

fn run(app: &Running, address: &str, statements: &[&str]) -> Vec<String> {
    let answer = app.post("/", format!("{address}\n{}", statements.join("\n")));
    assert_eq!(answer.status, 200);
    answer.text().lines().map(str::to_owned).collect()
}

#[test]
fn carries_every_kind_of_value() {
    let answer = run(&start(), &schema(), &["VALUES"]);
    let expected = r#"Boolean(true) Int16(-32768) Int32(-2147483648) Int64(-9223372036854775808) Floating32(0.25) Floating64(0.5) Str("grün") Binary([0, 255]) Date((2026, 2, 28)) Time((23, 59, 58, 1000)) Datetime((2026, 2, 28, 23, 59, 58, 1000)) Datetime((2026, 2, 28, 23, 59, 58, 0)) Uuid("0191d3f1-0000-7000-8000-000000000001") Jsonb([123, 34, 97, 34, 58, 49, 125]) ArrayInt32([Some(1), None]) ArrayInt64([Some(2)]) ArrayStr([Some("x")]) DbNull"#;
    assert_eq!(answer[0].replace("DbValue::", ""), expected);
}

#[test]
fn returns_the_errors_of_the_server() {
    let (app, address) = (start(), schema());
    let lines = run(
        &app,
        &address,
        &[
            "COUNT INSERT INTO t VALUES (1), (2)",
            "INSERT INTO t VALUES (1)",
            "SELECT * FROM missing",
            "SELECT $1::bigint",
            "SELECT 1.5",
        ],
    );
    assert_eq!(lines[0], "2");
    assert!(lines[1].starts_with("23505 "), "{}", lines[1]);
    assert!(lines[2].starts_with("42P01 "), "{}", lines[2]);
    assert!(
        lines[3].contains("the statement has 1 parameters, but 0 values were given"),
        "{}",
        lines[3]
    );
    assert!(lines[4].contains("Unsupported("), "{}", lines[4]);
}

#[test]
fn connects_only_to_servers_that_the_manifest_allows() {
    let app = start();
    for (address, expected) in [
        (
            "postgres://postgres@127.0.0.1:1/postgres",
            "allowed_outbound_hosts does not permit postgres://127.0.0.1:1",
        ),
        (
            "postgres://postgres@example.com/postgres",
            "allowed_outbound_hosts does not permit postgres://example.com:5432",
        ),
        ("host=/var/run/postgresql user=postgres", "socket file"),
        ("nonsense", "the address"),
    ] {
        let answer = run(&app, address, &["SELECT 1"]);
        assert!(answer[0].contains(expected), "{address}: {}", answer[0]);
    }
    let host = Server::shared().host();
    let (name, port) = host.split_once(':').unwrap();
    let with_hostaddr = format!("host={name} hostaddr=127.0.0.2 port={port} user=postgres");
    assert!(run(&app, &with_hostaddr, &["SELECT 1"])[0].contains("hostaddr"));
}

/// If a guest ends between BEGIN and COMMIT, the rows that it wrote are rolled back, and its locks are released.
#[test]
fn a_trap_within_a_transaction_rolls_back() {
    let (app, address) = (start(), schema());
    let ends = ["TRAP", "SELECT 1"];
    for (lock, end) in ["LOCK TABLE t", "SELECT 2"]
        .iter()
        .flat_map(|lock| ends.map(|end| (*lock, end)))
    {
        let body = ["BEGIN", "INSERT INTO t VALUES (1)", lock, end].join("\n");
        let ended = app.post("/", format!("{address}\n{body}"));
        assert_eq!(ended.status.as_u16(), if end == "TRAP" { 500 } else { 200 });
        let after = run(
            &app,
            &address,
            &[
                "INSERT INTO t VALUES (1)",
                "SELECT x FROM t",
                "DELETE FROM t",
            ],
        );
        assert_eq!(
            after,
            ["[]", "[[DbValue::Int64(1)]]", "[]"],
            "after {lock}, {end}"
        );
    }
}

/// If a request is cut off during a statement, the runtime closes the PostgreSQL connection that runs the statement. So no other
/// request gets this connection and waits until the statement ends.
#[test]
fn a_statement_that_is_cut_off_does_not_delay_other_requests() {
    let mut setup = setup();
    setup.limits.request_timeout = std::time::Duration::from_secs(2);
    let (app, address) = (setup.start(), schema());
    let backend = || run(&app, &address, &["SELECT pg_backend_pid()"]);
    let first = backend();
    assert_eq!(backend(), first);
    let slow = app.post("/", format!("{address}\nSELECT pg_sleep(30)::text"));
    assert_eq!(slow.status, 504);
    assert_ne!(backend(), first);
}

/// A guest does not get the session settings and temporary tables that another guest created on the same PostgreSQL connection.
#[test]
fn a_guest_gets_a_session_without_state_of_another_guest() {
    let (app, address) = (start(), schema());
    let set = [
        "SET statement_timeout = 1",
        "CREATE TEMP TABLE mine (x int)",
        "SELECT pg_backend_pid()",
    ];
    let first = run(&app, &address, &set);
    let second = run(
        &app,
        &address,
        &[
            "SELECT current_setting('statement_timeout')",
            "SELECT * FROM mine",
            "SELECT pg_backend_pid()",
        ],
    );
    assert_eq!(second[0], "[[DbValue::Str(\"0\")]]");
    assert!(second[1].starts_with("42P01 "), "{}", second[1]);
    assert_ne!(
        first[2], second[2],
        "a connection with changed session settings must not be used again"
    );
    // A PostgreSQL connection is used again if the guest that used it only read and wrote rows.
    let third = run(
        &app,
        &address,
        &[
            "BEGIN",
            "INSERT INTO t VALUES (5)",
            "COMMIT",
            "SELECT pg_backend_pid()",
        ],
    );
    assert_eq!(second[2], third[3]);
    assert_eq!(
        run(&app, &address, &["SELECT x FROM t"]),
        ["[[DbValue::Int64(5)]]"]
    );
}

#[test]
fn closed_connections_are_replaced_and_a_stopped_server_is_an_error() {
    let server = Server::start(stoa_postgres::Durability::None).unwrap();
    let manifest = format!(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"sql\"\n[component.sql]\nsource = \"{{guest-postgres}}\"\nallowed_outbound_hosts = [\"postgres://{}\"]\n",
        server.host()
    );
    let app = Setup::new(&manifest).start();
    let address = format!("postgres://postgres@{}/postgres", server.host());
    assert_eq!(
        run(&app, &address, &["SELECT 7::bigint"]),
        ["[[DbValue::Int64(7)]]"]
    );
    // The server closes the connections of the pool, as it does when it restarts.
    let mut administrator = server.administrator("template1").unwrap();
    administrator
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'", &[])
        .unwrap();
    let answers = until(|| {
        let answer = run(&app, &address, &["SELECT 7::bigint"]);
        (answer == ["[[DbValue::Int64(7)]]"]).then_some(answer)
    });
    assert!(answers.is_some());
    drop(administrator);
    drop(server);
    let answer = run(&app, &address, &["SELECT 1"]);
    assert!(answer[0].contains("ConnectionFailed"), "{}", answer[0]);
}

/// The operating system accepts the connection, and the server sends nothing.
#[test]
fn a_server_that_does_not_answer_is_an_error_after_the_timeout() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap();
    let manifest = format!(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"sql\"\n[component.sql]\nsource = \"{{guest-postgres}}\"\nallowed_outbound_hosts = [\"postgres://{host}\"]\n"
    );
    let app = Setup::new(&manifest).start();
    let answer = run(
        &app,
        &format!("postgres://postgres@{host}/postgres"),
        &["SELECT 1"],
    );
    assert!(
        answer[0].contains("the server did not accept a connection within 5 s"),
        "{}",
        answer[0]
    );
}

fn until<T>(mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while std::time::Instant::now() < end {
        if let Some(found) = check() {
            return Some(found);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    None
}
