//! Requests that never finish: they end within a bound, and block no other request meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stoa_testkit::{Client, Shop, ShopOptions, at_once, wait_until};

use crate::customer::{Customer, key};

const SKU: &str = "HOM-001";
/// The shop's timeout for a head, and for a body, in these tests.
const BOUND: &str = "2s";
/// Far beyond the bound: only a connection that never ends takes this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Requests of each kind. Only the two kinds with a partial body could occupy an instance; together they are more than the
/// limit of requests in flight (128).
const OF_A_KIND: usize = 70;

fn impatient() -> ShopOptions {
    let mut options = ShopOptions::checked();
    for name in ["--head-timeout", "--request-timeout"] {
        options
            .arguments
            .extend([name.to_owned(), BOUND.to_owned()]);
    }
    options
}

fn connect(client: &Client) -> TcpStream {
    let address = client.base().strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn send(client: &Client, text: &str) -> TcpStream {
    let mut stream = connect(client);
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// Everything until the peer closes; panics if it does not.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        // The peer closed while our bytes were in flight.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        other => {
            other.unwrap();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Partial requests to `POST /order`; the shop waits for the rest.
const PARTS: [(&str, &str); 4] = [
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
fn half_sent_requests_end_and_keep_nobody_waiting() {
    let shop = Shop::start(impatient());
    let customer = Customer::register(&shop, "ann");
    let halves: Vec<_> = PARTS
        .iter()
        .flat_map(|part| std::iter::repeat_n(part, OF_A_KIND))
        .map(|(what, text)| (*what, send(shop.gateway(), text)))
        .collect();
    for _ in 0..20 {
        let _ = shop.gateway().get("/product?limit=1").send().expect(200);
    }
    let _ = customer.order(&key(), SKU, 1, "tok_visa").expect(201);
    for (what, stream) in halves {
        let answer = rest(stream);
        match what {
            "half a body" | "half the chunks" => {
                assert!(answer.starts_with("HTTP/1.1 408 "), "{what}: {answer}");
                assert!(answer.contains("\"incomplete_body\""), "{what}: {answer}");
            }
            _ => assert_eq!(answer, "", "{what}"),
        }
    }
    let _ = customer.order(&key(), SKU, 1, "tok_visa").expect(201);
}

#[test]
fn a_byte_now_and_then_does_not_keep_a_request_alive() {
    let shop = Shop::start(impatient());
    let body = format!("{}\r\n\r\n", "content-length: 100000\r\nx: y");
    let endless = [
        "GET /product HTTP/1.1\r\nhost: shop.test\r\nx: ".to_owned(),
        format!("POST /order HTTP/1.1\r\nhost: shop.test\r\n{body}"),
    ];
    let answers = at_once(endless.len(), |number| {
        let stream = send(shop.gateway(), &endless[number]);
        let mut writing = stream.try_clone().unwrap();
        // Ends with the connection, when a write fails.
        let drip = thread::spawn(move || {
            while writing.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(100));
            }
        });
        let answer = rest(stream);
        drip.join().unwrap();
        answer
    });
    assert_eq!(answers[0], "");
    // The response can be lost if a byte arrives during the close; a request that passed would have another status.
    assert!(
        answers[1].is_empty() || answers[1].starts_with("HTTP/1.1 408 "),
        "{}",
        answers[1]
    );
    let _ = shop.gateway().get("/product?limit=1").send().expect(200);
}

#[test]
fn a_head_of_64_kib_or_of_too_many_lines_is_431() {
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
            // The server may reject and close before it has read everything.
            let _ = stream.write_all(text.as_bytes());
            let answer = rest(stream);
            let first = answer.lines().next().unwrap_or("reset before it was read");
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

/// Number of connections; `make soak` sets more.
fn connections() -> usize {
    let asked = std::env::var("STOA_IDLE_CONNECTIONS").ok();
    asked.map_or(1_000, |asked| {
        asked.parse().expect("STOA_IDLE_CONNECTIONS is a number")
    })
}

/// Raises the limit of open files to `needed`, for this process and the shop that it starts; panics if the system allows fewer.
fn raise_the_limit_of_files(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        allowed >= needed,
        "{needed} open files are needed, and this user may have {allowed}"
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
fn idle_connections_cost_nobody_anything() {
    let count = connections();
    raise_the_limit_of_files(count as u64 + 1_000);
    let mut options = ShopOptions::checked();
    options
        .arguments
        .extend(["--head-timeout".to_owned(), "10m".to_owned()]);
    let shop = Shop::start(options);
    let customer = Customer::register(&shop, "ann");
    let mut idle: Vec<_> = (0..count).map(|_| connect(shop.gateway())).collect();
    let _ = customer.order(&key(), SKU, 1, "tok_visa").expect(201);
    // All are accepted, and each is served once it sends a request.
    for stream in &mut idle {
        stream
            .write_all(b"HEAD /product?limit=1 HTTP/1.1\r\nhost: shop.test\r\n\r\n")
            .unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    println!("{count} connections, each served after all were open");
    let open = || std::fs::read_dir(format!("/proc/{}/fd", shop.pid())).map_or(0, Iterator::count);
    assert!(open() >= count, "{} open files", open());
    drop(idle);
    wait_until(PATIENCE, "the shop to let go of the connections", || {
        open() < count / 2
    });
    let _ = customer.get("/cart").expect(200);
}
