//! Tests that requests which never end are rejected after a timeout, and do not block other requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stoa_testkit::{Client, Shop, ShopOptions, at_once, wait_until};

use crate::customer::{Customer, key};

const SKU: &str = "HOM-001";
/// The shop's timeout for the head and for the body of a request in these tests.
const REQUEST_TIMEOUT: &str = "2s";
/// Time after which a test fails, because the server did not close a connection. It is far longer than the shop's timeout for
/// requests.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Number of requests of each kind. Only two of the kinds send a part of a body, and only these requests could occupy an instance.
/// The two kinds together send 140 requests, more than the limit of requests in flight (128).
const REQUESTS_PER_KIND: usize = 70;

/// Options of a shop with short timeouts.
fn short_timeouts() -> ShopOptions {
    let mut options = ShopOptions::checked();
    for name in ["--head-timeout", "--request-timeout"] {
        options
            .arguments
            .extend([name.to_owned(), REQUEST_TIMEOUT.to_owned()]);
    }
    options
}

fn connect(client: &Client) -> TcpStream {
    let address = client.base().strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(CONNECTION_TIMEOUT)).unwrap();
    stream
}

fn send(client: &Client, text: &str) -> TcpStream {
    let mut stream = connect(client);
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// Reads until the server closes the connection. Panics if the server does not close it in time.
fn read_to_close(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        // The server closed the connection while bytes from the test were in flight.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        other => {
            other.unwrap();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Partial requests to `POST /order`: the kind, and the text that is sent.
const PARTIAL_REQUESTS: [(&str, &str); 4] = [
    ("nothing", ""),
    (
        "half a head",
        "POST /order HTTP/1.1\r\nhost: shop.test\r\nauthor",
    ),
    (
        "half a body",
        "POST /order HTTP/1.1\r\nhost: shop.test\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"items\"",
    ),
    (
        "half the chunks",
        "POST /order HTTP/1.1\r\nhost: shop.test\r\nidempotency-key: k\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{\"items\"\r\n",
    ),
];

#[test]
fn partial_requests_end_and_do_not_delay_other_requests() {
    let shop = Shop::start(short_timeouts());
    let customer = Customer::register(&shop, "ann");
    let partial: Vec<_> = PARTIAL_REQUESTS
        .iter()
        .flat_map(|request| std::iter::repeat_n(request, REQUESTS_PER_KIND))
        .map(|(kind, text)| (*kind, send(shop.gateway(), text)))
        .collect();
    for _ in 0..20 {
        let _ = shop.gateway().get("/product?limit=1").send().expect(200);
    }
    let _ = customer.order(&key(), SKU, 1, "tok_visa").expect(201);
    for (kind, stream) in partial {
        let answer = read_to_close(stream);
        match kind {
            "half a body" | "half the chunks" => {
                assert!(answer.starts_with("HTTP/1.1 408 "), "{kind}: {answer}");
                assert!(answer.contains("\"incomplete_body\""), "{kind}: {answer}");
            }
            _ => assert_eq!(answer, "", "{kind}"),
        }
    }
    let _ = customer.order(&key(), SKU, 1, "tok_visa").expect(201);
}

#[test]
fn a_byte_every_100_ms_does_not_keep_a_request_open() {
    let shop = Shop::start(short_timeouts());
    let body = format!("{}\r\n\r\n", "content-length: 100000\r\nx: y");
    let endless = [
        "GET /product HTTP/1.1\r\nhost: shop.test\r\nx: ".to_owned(),
        format!("POST /order HTTP/1.1\r\nhost: shop.test\r\n{body}"),
    ];
    let answers = at_once(endless.len(), |number| {
        let stream = send(shop.gateway(), &endless[number]);
        let mut writing = stream.try_clone().unwrap();
        // The thread ends when the server closes the connection, because a write then fails.
        let sender = thread::spawn(move || {
            while writing.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(100));
            }
        });
        let answer = read_to_close(stream);
        sender.join().unwrap();
        answer
    });
    assert_eq!(answers[0], "");
    // If a byte arrives while the server closes the connection, the 408 response can be lost. (If the server had accepted the
    // request, its response would have a different status.)
    assert!(
        answers[1].is_empty() || answers[1].starts_with("HTTP/1.1 408 "),
        "{}",
        answers[1]
    );
    let _ = shop.gateway().get("/product?limit=1").send().expect(200);
}

#[test]
fn a_head_of_64_kib_or_with_too_many_lines_is_rejected_with_431() {
    let shop = Shop::start(ShopOptions::checked());
    let head = |headers: &str| {
        format!(
            "GET /product?limit=1 HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n{headers}\r\n"
        )
    };
    let long = |size: usize| head(&format!("x-long: {}\r\n", "x".repeat(size)));
    let many = |count: usize| head(&"x-many: x\r\n".repeat(count));
    for listener in [shop.gateway(), shop.operator()] {
        for (text, status) in [
            (long(64 << 10), 431),
            (long(1 << 20), 431),
            (long(32 << 10), 200),
            (many(200), 431),
            (many(50), 200),
            (
                head(&format!("cookie: {}\r\n", "a=b; ".repeat(13_200))),
                431,
            ),
        ] {
            let mut stream = connect(listener);
            // The result is ignored, because the server may close the connection before it has read the whole head.
            let _ = stream.write_all(text.as_bytes());
            let answer = read_to_close(stream);
            let first = answer
                .lines()
                .next()
                .unwrap_or("the connection was reset before a response");
            assert!(
                first.starts_with(&format!("HTTP/1.1 {status} "))
                    || (status == 431 && answer.is_empty()),
                "{} bytes, expected {status}: {first}",
                text.len()
            );
        }
        let _ = listener.get("/product?limit=1").send().expect(200);
    }
}

/// Number of idle connections, from `STOA_IDLE_CONNECTIONS` (default 1,000). `make soak` sets a higher number.
fn idle_connections() -> usize {
    let text = std::env::var("STOA_IDLE_CONNECTIONS").ok();
    text.map_or(1_000, |text| {
        text.parse()
            .expect("STOA_IDLE_CONNECTIONS must be a number")
    })
}

/// Raises the limit of open files to `needed`, for this process and for the shop. Panics if the system permits fewer open files.
fn raise_open_file_limit(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        allowed >= needed,
        "the test needs {needed} open files, but this user may open only {allowed}"
    );
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit {
            current: Some(needed),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
}

#[test]
fn idle_connections_do_not_disturb_other_requests() {
    let count = idle_connections();
    raise_open_file_limit(count as u64 + 1_000);
    let mut options = ShopOptions::checked();
    options
        .arguments
        .extend(["--head-timeout".to_owned(), "10m".to_owned()]);
    let shop = Shop::start(options);
    let customer = Customer::register(&shop, "ann");
    let mut idle: Vec<_> = (0..count).map(|_| connect(shop.gateway())).collect();
    let _ = customer.order(&key(), SKU, 1, "tok_visa").expect(201);
    // The shop has accepted all connections, and responds to a request on each of them.
    for stream in &mut idle {
        stream
            .write_all(b"HEAD /product?limit=1 HTTP/1.1\r\nhost: shop.test\r\n\r\n")
            .unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    println!("{count} connections were open at the same time, and each of them got a response");
    let open_files =
        || std::fs::read_dir(format!("/proc/{}/fd", shop.pid())).map_or(0, Iterator::count);
    assert!(open_files() >= count, "{} open files", open_files());
    drop(idle);
    wait_until(
        CONNECTION_TIMEOUT,
        "the shop to close the connections",
        || open_files() < count / 2,
    );
    let _ = customer.get("/cart").expect(200);
}
