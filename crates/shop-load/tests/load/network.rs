//! Tests with real connections to a shop that works, that does not run, that closes connections, that never responds, or that does
//! not use HTTP.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use shop_load::{Http, NoAnswer, Plan, RunError, Stop, Transport, restock, run};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::plan;
use crate::shop::{Shop, ShopFaults};

/// Serves a shop over HTTP until the test ends. Returns the shop's address.
async fn serve(shop: Shop) -> String {
    let respond = move |request: Request<Incoming>| {
        let shop = shop.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let response = shop.answer(Request::from_parts(head, body)).await.unwrap();
            Ok::<Response<Full<Bytes>>, Infallible>(response.map(Full::new))
        }
    };
    accept(move |stream| {
        let respond = respond.clone();
        async move {
            // The result is ignored, because a client may close its connection.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(respond))
                .await;
        }
    })
    .await
}

/// Accepts connections until the test ends, and passes each to `serve`. Returns the address.
async fn accept<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn get(address: &str) -> Result<Response<Bytes>, NoAnswer> {
    let http = Http::new(&address.parse().unwrap()).unwrap();
    let request = Request::get(format!("{address}/product"))
        .body(Bytes::new())
        .unwrap();
    http.send(request).await
}

/// Serves raw text: reads the head of a request, sends `text`, and closes the connection. Returns the address.
async fn serve_text(text: &'static str) -> String {
    accept(move |mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(text.as_bytes()).await.unwrap();
    })
    .await
}

#[tokio::test]
async fn a_shop_is_loaded_over_http() {
    let quick = ShopFaults {
        delay: Box::new(|_| Duration::ZERO),
        ..ShopFaults::default()
    }
    .shop();
    let target = serve(quick.clone()).await.parse().unwrap();
    let plan = Plan {
        target,
        ..plan(4, 3_600)
    };
    let stop = Stop::default();
    let mut enough = |progress: &shop_load::Progress| {
        if progress.confirmed >= 20 {
            stop.gently();
        }
    };
    let report = run(&plan, &mut enough, &stop).await.unwrap();
    assert_eq!(
        (report.wrong_count(), report.total.failed),
        (0, 0),
        "{:#?}",
        report.failures
    );
    assert_eq!(report.orders.confirmed, quick.confirmed().len() as u64);
    assert!(report.total.latency_us.p50 > 0);
}

#[tokio::test]
async fn a_refused_connection_is_a_failure_of_kind_connect() {
    // The socket is bound but does not listen, so connections are refused, and no other process can use the port.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = format!("http://{}", bound.local_addr().unwrap());
    let answer = get(&address).await;
    assert!(matches!(answer, Err(NoAnswer::Connect(_))), "{answer:?}");

    let plan = Plan {
        target: address.parse().unwrap(),
        ..plan(1, 1)
    };
    let error = run(&plan, &mut |_| {}, &Stop::default()).await.unwrap_err();
    assert!(matches!(error, RunError::NoShop { .. }), "{error}");
    assert!(error.to_string().contains("connect: "), "{error}");
}

#[tokio::test]
async fn a_connection_that_ends_too_early_is_a_failure_of_kind_reset() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
    ] {
        let answer = get(&serve_text(text).await).await;
        assert!(
            matches!(answer, Err(NoAnswer::Reset(_))),
            "{text:?}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_response_that_is_not_http_is_a_failure_of_kind_protocol() {
    let answer = get(&serve_text("220 smtp.example.com ready\r\n\r\n").await).await;
    assert!(matches!(answer, Err(NoAnswer::Protocol(_))), "{answer:?}");
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 9000000000\r\n\r\n{";
    let answer = get(&serve_text(endless).await).await;
    assert!(
        matches!(answer, Err(NoAnswer::Protocol(_) | NoAnswer::Reset(_))),
        "{answer:?}"
    );
}

/// Accepts connections, and never responds. Returns the address.
async fn serve_silence() -> String {
    accept(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await
}

#[tokio::test]
async fn a_missing_response_is_a_failure_of_kind_timeout() {
    let plan = Plan {
        target: serve_silence().await.parse().unwrap(),
        timeout: Duration::from_millis(50),
        ..plan(1, 1)
    };
    let error = run(&plan, &mut |_| {}, &Stop::default()).await.unwrap_err();
    assert!(
        error.to_string().ends_with("no response within 50ms"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_accepted_is_a_failure_of_kind_timeout() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Once the backlog is full, the next connection gets no response.
    let mut waiting = Vec::new();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1));
    while let Ok(stream) = connect() {
        waiting.push(stream);
    }
    let answer = get(&format!("http://{address}")).await;
    assert_eq!(answer.unwrap_err(), NoAnswer::Timeout);
}

#[tokio::test]
async fn restocking_times_out() {
    let address = serve_silence().await;
    let error = restock(&address.parse().unwrap(), 10, Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("GET {address}/items?limit=100: timeout")
    );
}

#[tokio::test]
async fn the_error_of_restocking_names_the_failed_request_and_the_reason() {
    let address = serve(ShopFaults::default().shop()).await;
    let error = restock(&address.parse().unwrap(), 10, Duration::from_secs(60))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("GET {address}/items?limit=100: 401")),
        "{error}"
    );
}
