//! Misbehaves on request: traps, loops, exhausts memory, computes for a long time, prints, opens sockets.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the SDK's macro expands to unsafe code")]

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

#[http_component]
fn trouble(request: Request) -> impl IntoResponse {
    let number = |default: u64| request.query().parse().unwrap_or(default);
    let text = match request.path() {
        "/trap" => std::process::abort(),
        "/loop" => loop {
            black_box(0);
        },
        "/memory" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(black_box(vec![1; 1 << 20]));
            }
        }
        "/recurse" => {
            let depth = number(100);
            black_box(recurse(depth));
            depth.to_string()
        }
        "/burn" => burn(Duration::from_millis(number(50))),
        "/print" => print(number(100)),
        "/line" => {
            println!(
                "{}",
                "x".repeat(usize::try_from(number(100)).unwrap_or_default())
            );
            "printed".to_owned()
        }
        "/half" => {
            print!("no newline");
            let _ = std::io::stdout().flush();
            "printed".to_owned()
        }
        "/body" => request.body().len().to_string(),
        "/large" => "x".repeat(usize::try_from(number(1 << 20)).unwrap_or_default()),
        "/socket" => match std::net::TcpStream::connect("127.0.0.1:80") {
            Ok(_) => "connected".to_owned(),
            Err(error) => format!("refused: {error}"),
        },
        "/files" => match std::fs::read_dir("/") {
            Ok(_) => "readable".to_owned(),
            Err(_) => "none".to_owned(),
        },
        "/environment" => std::env::vars()
            .map(|(k, v)| format!("{k}={v}\n"))
            .collect(),
        _ => "fine".to_owned(),
    };
    Response::new(200, text)
}

/// Uses a small stack frame per level. The compiler cannot replace this recursion by a loop.
fn recurse(depth: u64) -> u64 {
    match depth {
        0 => 0,
        _ => recurse(black_box(depth - 1)).rotate_left(1) ^ depth,
    }
}

/// Computes for about `time`, as a component does that hashes a password.
fn burn(time: Duration) -> String {
    let start = Instant::now();
    let mut x = 1u64;
    while start.elapsed() < time {
        for _ in 0..20_000 {
            x = black_box(x)
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
        }
    }
    x.to_string()
}

/// Prints `lines` lines of 5,000 characters, each in several writes.
fn print(lines: u64) -> String {
    let mut out = std::io::stdout();
    for line in 0..lines {
        let letter = char::from(b'a' + u8::try_from(line % 26).unwrap_or_default());
        for _ in 0..10 {
            let _ = write!(out, "{}", String::from(letter).repeat(500));
            let _ = out.flush();
        }
        let _ = writeln!(out);
    }
    "printed".to_owned()
}
